#!/usr/bin/env node
/** The command line of Fairlead. */
import { Command } from 'commander';
import { addStart } from './commands/start.ts';

const program = new Command('fairlead').description('One API key in front of every model.');
addStart(program);

await program.parseAsync();
