import {
  Bool,
  Default,
  Dict,
  Int,
  List,
  Null,
  Nullable,
  Optional,
  type Static,
  Str,
  shape,
  Union,
} from '../../kernel/http/shapes.ts';

const text = Default(Nullable(Str()), null);
const object = Nullable(Dict());

const RatingData = shape(
  'RatingData',
  {
    rating: Default(Union([Str(), Int(), Null()]), null),
    model_id: text,
    sibling_model_ids: Default(Nullable(List(Str())), null),
    reason: text,
    comment: text,
  },
  { extra: 'keep' },
);
const SnapshotData = shape('SnapshotData', { chat: Default(object, null) }, { extra: 'keep' });

export const FeedbackForm = shape('FeedbackForm', {
  type: Str(),
  data: Default(Nullable(RatingData), null),
  meta: Default(object, null),
  snapshot: Default(Nullable(SnapshotData), null),
});
export type FeedbackForm = Static<typeof FeedbackForm>;

const feedbackFields = {
  id: Str(),
  user_id: Str(),
  version: Int(),
  type: Str(),
  data: object,
  meta: object,
  created_at: Int(),
  updated_at: Int(),
};
export const FeedbackModel = shape('FeedbackModel', { ...feedbackFields, snapshot: object });
const FeedbackAuthor = shape('FeedbackAuthor', {
  id: Str(),
  name: Str(),
  email: Str(),
  role: Str(),
  last_active_at: Int(),
  updated_at: Int(),
  created_at: Int(),
});
const FeedbackUserResponse = shape('FeedbackUserResponse', { ...feedbackFields, user: Nullable(FeedbackAuthor) });
export const FeedbackListResponse = shape('FeedbackListResponse', { items: List(FeedbackUserResponse), total: Int() });
export const FeedbackIdResponse = shape('FeedbackIdResponse', {
  id: Str(),
  user_id: Str(),
  created_at: Int(),
  updated_at: Int(),
});

export const LeaderboardResponse = shape('LeaderboardResponse', {
  entries: List(
    shape('LeaderboardEntry', {
      model_id: Str(),
      rating: Int(),
      won: Int(),
      lost: Int(),
      count: Int(),
      top_tags: List(shape('TagCount', { tag: Str(), count: Int() })),
    }),
  ),
});
export const ModelHistoryResponse = shape('ModelHistoryResponse', {
  model_id: Str(),
  history: List(shape('ModelHistoryEntry', { date: Str(), won: Int(), lost: Int() })),
});

export const EvaluationConfig = shape('EvaluationConfig', {
  ENABLE_EVALUATION_ARENA_MODELS: Bool(),
  EVALUATION_ARENA_MODELS: List(Dict()),
});
export const EvaluationConfigForm = shape('UpdateConfigForm', {
  ENABLE_EVALUATION_ARENA_MODELS: Optional(Nullable(Bool())),
  EVALUATION_ARENA_MODELS: Optional(Nullable(List(Dict()))),
});
export type EvaluationConfigForm = Static<typeof EvaluationConfigForm>;

const page = Default(Nullable(Int()), 1);
export const PageQuery = shape('PageQuery', { page });
export const FeedbackListQuery = shape('FeedbackListQuery', {
  order_by: text,
  direction: text,
  page,
  model_id: text,
});
export type FeedbackListQuery = Static<typeof FeedbackListQuery>;
export const ExportQuery = shape('FeedbackExportQuery', { model_id: text });
export const LeaderboardQuery = shape('LeaderboardQuery', { query: text });
export const HistoryQuery = shape('ModelHistoryQuery', { days: Default(Int(), 30) });
