/** Prompt that wraps retrieved context; an own text, used while `rag.template` is blank (retrieval note, 5.8). */
export const ragTemplate = `### Task:
Answer the question with the help of the sources in the context below.

### Rules:
- Use what the sources say; where they do not answer, say so, and then use what you know yourself.
- Cite a source right after the statement it supports, as [1] or [1][2], by the \`id\` of its <source> tag. A source without an \`id\` is never cited.
- Answer in the language of the question. Write no XML tags in the answer.

<context>
{{CONTEXT}}
</context>
`;

const node = (class_type: string, title: string, inputs: Record<string, unknown>) => ({
  inputs,
  class_type,
  _meta: { title },
});

const workflow = {
  '3': node('KSampler', 'KSampler', {
    seed: 0,
    steps: 20,
    cfg: 8,
    sampler_name: 'euler',
    scheduler: 'normal',
    denoise: 1,
    model: ['4', 0],
    positive: ['6', 0],
    negative: ['7', 0],
    latent_image: ['5', 0],
  }),
  '4': node('CheckpointLoaderSimple', 'Load Checkpoint', { ckpt_name: 'model.safetensors' }),
  '5': node('EmptyLatentImage', 'Empty Latent Image', { width: 512, height: 512, batch_size: 1 }),
  '6': node('CLIPTextEncode', 'CLIP Text Encode (Prompt)', { text: 'Prompt', clip: ['4', 1] }),
  '7': node('CLIPTextEncode', 'CLIP Text Encode (Prompt)', { text: '', clip: ['4', 1] }),
  '8': node('VAEDecode', 'VAE Decode', { samples: ['3', 0], vae: ['4', 2] }),
  '9': node('SaveImage', 'Save Image', { filename_prefix: 'ComfyUI', images: ['8', 0] }),
};

/** The text-to-image graph of a new installation, as ComfyUI's API takes it (providers note, 13.7). */
export const comfyuiWorkflow = `\n${JSON.stringify(workflow, null, 2)}\n`;
