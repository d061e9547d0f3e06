// The first file of a program, once tools/build.mjs has put in what the others are called: runs the program with the code that V8 compiled for it at the build.
'use strict'
const { closeSync, fstatSync, openSync, readFileSync, readSync } = require('node:fs')
const Module = require('node:module')
const { join } = require('node:path')
const { Script } = require('node:vm')

/** The program, its parts that are loaded when a command needs them, and the roles that have compiled code of their own. */
const { program, parts, roles } = PROGRAMS
const role = roles.includes(process.argv[2]) ? process.argv[2] : 'other'
const scripts = []
let partsLoaded

run(program, 'start')

function run(file, use) {
  const path = join(__dirname, file)
  const module = new Module(path)
  module.filename = path
  module.require = (id) => (id.startsWith('part:') ? partOf(id) : require(id))
  // Only Node's own way of compiling a module reads its source map.
  if (process.sourceMapsEnabled) module._compile(readFileSync(path, 'utf8'), path)
  else compiled(file, path, use)(module.exports, module.require, module, path, __dirname)
  return module.exports
}

/** V8 compiles the source where it refuses the code: of another version of V8, for other flags, cut short. That it belongs to this source the name says. */
function compiled(file, path, use) {
  const cache = path.replace(/\.js$/, `.${use}.cache`)
  // The code keeps the name that it was compiled under, whatever the folder is called by then.
  const script = new Script(sourceOf(path), { filename: file, cachedData: contentsOf(cache) })
  scripts.push({ script, cache })
  return script.runInThisContext()
}

/** As a function of what a CommonJS module may name. All of it is ASCII, so that it is read as it lies there. */
function sourceOf(path) {
  const [head, tail] = ['(function (exports, require, module, __filename, __dirname) {', '\n})']
  const file = openSync(path, 'r')
  const { size } = fstatSync(file)
  const text = Buffer.allocUnsafeSlow(head.length + size + tail.length)
  text.latin1Write(head, 0)
  readSync(file, text, head.length, size, 0)
  closeSync(file)
  text.latin1Write(tail, head.length + size)
  return text.latin1Slice()
}

function contentsOf(path) {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

function partOf(id) {
  partsLoaded ??= run(parts, role)
  return partsLoaded[id]()
}
