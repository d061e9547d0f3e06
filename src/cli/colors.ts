// Colours what is printed for people at a terminal, and nothing else: no file, no pipe, no log of a CI machine.
import pc from 'picocolors'

// Not left to the library, which takes a CI machine for a terminal.
export const colors = pc.createColors(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined)
