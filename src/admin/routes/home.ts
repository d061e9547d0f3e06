// Lists the pages for a person with a browser.
import type { Page } from '../page.ts'

export function homePage(others: readonly Page[]): Page {
  const items = others.map(
    ({ path, title }) => `<tr><td><a href="${escapeHtml(path)}"><code>${escapeHtml(path)}</code></a> <td>${escapeHtml(title)}`,
  )
  return {
    path: '/',
    title: 'this list',
    render: () => ({
      type: 'text/html; charset=utf-8',
      body: `${head}<h1>Sallyport</h1>\n<p>Pages are read with GET; what changes something wants POST.\n<table>\n${items.join('\n')}\n</table>\n</html>\n`,
    }),
  }
}

const head = `<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>Sallyport</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;margin:2rem}td{padding:.15rem .8rem .15rem 0;vertical-align:top}</style>
`

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
