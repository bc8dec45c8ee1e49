import type { Egress } from '../../../kernel/egress/index.ts';
import type { Call } from '../../providers/index.ts';
import type { ToolHeaders } from '../headers.ts';
import { reaching } from '../problems.ts';
import { type ServerTool, toolName } from '../server-tools.ts';
import { callOperation } from './call.ts';
import type { OpenApiServer } from './catalogue.ts';
import type { Operation } from './operations.ts';

export interface OpenApiToolsDeps {
  egress: Pick<Egress, 'request'>;
  headers: ToolHeaders;
  /** Seconds of one call; null: no limit. */
  timeout: number | null;
}

/** The operations of a server as tools of a turn; `functions` null: all that the connection lets through. */
export function openApiTools(
  deps: OpenApiToolsDeps,
  { connection, operations }: OpenApiServer,
  functions: ReadonlySet<string> | null,
  call: Call,
): ServerTool[] {
  return operations
    .filter(({ name }) => connection.allows(name) && (functions === null || functions.has(name)))
    .map((operation) => {
      const name = toolName(operation.name);
      return {
        name,
        toolId: `server:${connection.id}`,
        spec: { ...operation.spec, name },
        takesAnything: hasOpenBody(operation),
        run: async (args, signal) => {
          const headers = await deps.headers(connection, call);
          const { egress, timeout } = deps;
          const work = callOperation({ egress, url: connection.url, operation, args, headers, timeout, signal });
          return reaching(work, signal);
        },
      };
    });
}

/** A body whose members the document does not name. */
function hasOpenBody({ body }: Operation): boolean {
  return body !== null && body.members === null;
}
