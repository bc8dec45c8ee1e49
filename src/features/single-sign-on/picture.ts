import type { Egress } from '../../kernel/egress/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { ProviderClient } from './client.ts';
import { describeProblem } from './problems.ts';

export interface PictureRules {
  /** Lower case. */
  mimeTypes: ReadonlySet<string>;
  /** Characters of the data URL; null: any. */
  maxLength: number | null;
}

export interface PictureDeps {
  egress: Pick<Egress, 'request'>;
  rules: PictureRules;
  log: Log;
}

const LIMIT = 5 * 1024 * 1024;

/** The picture at an address as a data URL; null where it cannot be had. */
export async function fetchPicture(
  { egress, rules, log }: PictureDeps,
  client: ProviderClient,
  url: string,
  accessToken: string,
): Promise<string | null> {
  const { provider } = client;
  const configured = url === provider.pictureUrl;
  // People choose the address of their picture; only the provider itself gets to see the token.
  const trusted = configured || isOwn(client, url);
  try {
    const answer = await egress.request(url, {
      headers: { accept: 'image/*', ...(trusted && { authorization: `Bearer ${accessToken}` }) },
      reach: configured ? 'configured' : 'user',
      redirects: !trusted,
      timeoutMs: provider.timeoutMs,
    });
    const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
    if (!answer.ok || !rules.mimeTypes.has(type)) {
      answer.discard();
      log.info(
        { provider: provider.name, status: answer.status, type },
        'a picture of the identity provider is not taken',
      );
      return null;
    }
    const data = `data:${type};base64,${(await answer.bytes(LIMIT)).toString('base64')}`;
    return rules.maxLength !== null && data.length > rules.maxLength ? null : data;
  } catch (error) {
    const { reason } = describeProblem(error);
    log.info({ provider: provider.name, reason }, 'a picture of the identity provider cannot be had');
    return null;
  }
}

function isOwn(client: ProviderClient, url: string): boolean {
  const own = [client.issuer, client.userinfoEndpoint].flatMap((one) => (one === null ? [] : [new URL(one).origin]));
  return URL.canParse(url) && own.includes(new URL(url).origin);
}
