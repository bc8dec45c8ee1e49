/** A multipart form as body and content type of a request. */
export async function formBody(form: FormData): Promise<{ body: Uint8Array; type: string }> {
  const answer = new Response(form);
  const type = answer.headers.get('content-type') ?? 'multipart/form-data';
  return { body: new Uint8Array(await answer.arrayBuffer()), type };
}
