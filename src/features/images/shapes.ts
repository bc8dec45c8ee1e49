import { Default, Int, List, Nullable, Optional, type Static, Str, shape, Union } from '../../kernel/http/shapes.ts';

const optional = { text: Optional(Nullable(Str())), whole: Optional(Nullable(Int())) };

export const CreateImageForm = shape('CreateImageForm', {
  model: optional.text,
  prompt: Str(),
  size: optional.text,
  n: Default(Nullable(Int()), 1),
  steps: optional.whole,
  negative_prompt: optional.text,
});
export type CreateImageForm = Static<typeof CreateImageForm>;

export const EditImageForm = shape('EditImageForm', {
  image: Union([Str(), List(Str())]),
  prompt: Str(),
  model: optional.text,
  size: optional.text,
  n: optional.whole,
  negative_prompt: optional.text,
  background: optional.text,
});
export type EditImageForm = Static<typeof EditImageForm>;

export const VerifyForm = shape('ImageVerifyForm', {
  engine: Str(),
  url: Str(),
  key: optional.text,
});
export type VerifyForm = Static<typeof VerifyForm>;
