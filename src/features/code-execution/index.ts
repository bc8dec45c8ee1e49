import type { Egress } from '../../kernel/egress/index.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { type CodeOutput, runInJupyter } from './jupyter.ts';

export { cleanCode, guardImports } from './code.ts';
export type { CodeOutput } from './jupyter.ts';

/** Who runs code: the blocks users press "run" on, or models. */
export type CodePurpose = 'code_execution' | 'code_interpreter';

/** Code on the site's Jupyter server; null where that is not what the site runs code with. */
export interface CodeExecution {
  isConfigured(purpose: CodePurpose): boolean;
  run(purpose: CodePurpose, code: string, signal: AbortSignal): Promise<CodeOutput>;
}

export function createCodeExecution({
  config,
  egress,
}: {
  config: Pick<Config, 'get'>;
  egress: Pick<Egress, 'request' | 'webSocket'>;
}): CodeExecution {
  return {
    isConfigured: (purpose) => config.get(`${purpose}.engine`) === 'jupyter',
    run(purpose, code, signal) {
      const place = {
        url: config.get(`${purpose}.jupyter.url`),
        auth: config.get(`${purpose}.jupyter.auth`),
        token: config.get(`${purpose}.jupyter.auth_token`),
        password: config.get(`${purpose}.jupyter.auth_password`),
        timeout: Math.max(1, config.get(`${purpose}.jupyter.timeout`)),
      };
      return runInJupyter(egress, place, code, signal);
    },
  };
}
