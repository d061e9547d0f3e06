// The program that becomes PID 1 of a sealed workload; nobody starts it by hand.
import { runInit } from './init.ts'

void runInit()
