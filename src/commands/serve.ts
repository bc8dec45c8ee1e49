import module from 'node:module';
import { createDoor } from '../kernel/http/door.ts';
import { loadSettings } from '../kernel/settings/index.ts';
import { type Command, readArguments, UsageError } from './command.ts';

const usage = `usage: loggia serve [--host ADDRESS] [--port NUMBER] [--data-dir FOLDER]

  --host      address to listen on (HOST; default 0.0.0.0)
  --port      port to listen on (PORT; default 8080)
  --data-dir  folder of everything that is kept (DATA_DIR; default ./data of the project)

A variable that is set in the environment wins over the option. docs/configuration.md lists all variables.
`;

const options = {
  host: { type: 'string' },
  port: { type: 'string' },
  'data-dir': { type: 'string' },
} as const;

const variables = { host: 'HOST', port: 'PORT', 'data-dir': 'DATA_DIR' } as const;

/** The environment with the options in it where the environment says nothing. */
export function environmentWith(args: string[], environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { values, positionals } = readArguments(args, usage, options);
  if (positionals.length > 0) throw new UsageError(`serve: unexpected "${positionals.join(' ')}"`, usage);
  const env = { ...environment };
  for (const [option, variable] of Object.entries(variables)) {
    const given = values[option as keyof typeof values];
    if (given === undefined) continue;
    const present = env[variable];
    if (present === undefined || present === '') env[variable] = given;
    else if (present !== given) {
      process.stderr.write(`loggia: ${variable}=${present} in the environment wins over --${option} ${given}\n`);
    }
  }
  return env;
}

/** Resolves when the process is told to end; a second signal ends it at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, stop);
      process.once('SIGINT', () => process.exit(130));
      resolve(signal);
    };
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop);
  });
}

export const command: Command = {
  usage,
  async run(args) {
    const env = environmentWith(args, process.env);
    const stopped = stopSignal();
    const settings = loadSettings(env);
    const door = createDoor();
    await door.listen(settings.get('HOST'), settings.get('PORT'));
    try {
      // The port is open before the rest is loaded.
      const { createApp } = await import('../app.ts');
      const app = await createApp({ env, settings, door });
      try {
        await app.start();
        module.flushCompileCache();
        await stopped;
      } finally {
        await app.close();
      }
    } finally {
      await door.close(0);
    }
    return 0;
  },
};
