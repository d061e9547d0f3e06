// Lists the pages for a person with a browser.
import type { Page } from '../page.ts'

export function homePage(others: readonly Page[]): Page {
  const items = others.map(
    ({ path, title }) => `<li><a href="${escapeHtml(path)}"><code>${escapeHtml(path)}</code></a> ${escapeHtml(title)}</li>`,
  )
  return {
    path: '/',
    title: 'this list',
    render: () => ({
      type: 'text/html; charset=utf-8',
      body: `<!doctype html>\n<html lang="en">\n<title>Sallyport</title>\n<h1>Sallyport</h1>\n<ul>\n${items.join('\n')}\n</ul>\n</html>\n`,
    }),
  }
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
