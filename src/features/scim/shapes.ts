import { Bool, Default, Int, Json, List, Nullable, Obj, Optional, Str, shape } from '../../kernel/http/shapes.ts';

const Name = shape('SCIMName', {
  formatted: Default(Nullable(Str()), null),
  familyName: Default(Nullable(Str()), null),
  givenName: Default(Nullable(Str()), null),
});
const Email = shape('SCIMEmail', { value: Str(), primary: Default(Bool(), true) });
const Photo = shape('SCIMPhoto', { value: Str() });

export const UserCreateRequest = shape('SCIMUserCreateRequest', {
  externalId: Default(Nullable(Str()), null),
  userName: Str(),
  name: Default(Nullable(Name), null),
  displayName: Str(),
  emails: List(Email),
  active: Default(Bool(), true),
  photos: Default(Nullable(List(Photo)), null),
});

export const UserUpdateRequest = shape('SCIMUserUpdateRequest', {
  externalId: Default(Nullable(Str()), null),
  userName: Default(Nullable(Str()), null),
  name: Default(Nullable(Name), null),
  displayName: Default(Nullable(Str()), null),
  emails: Default(Nullable(List(Email)), null),
  active: Default(Nullable(Bool()), null),
  photos: Default(Nullable(List(Photo)), null),
});

export const PatchRequest = shape('SCIMPatchRequest', {
  Operations: List(
    shape('SCIMPatchOperation', { op: Str(), path: Default(Nullable(Str()), null), value: Optional(Json()) }),
  ),
});

/** Members are read by `readMembers`, which knows the protocol's errors. */
const Members = Default(Nullable(List(Json())), null);
export const GroupCreateRequest = shape('SCIMGroupCreateRequest', {
  externalId: Default(Nullable(Str()), null),
  displayName: Str(),
  members: Members,
});
export const GroupUpdateRequest = shape('SCIMGroupUpdateRequest', {
  externalId: Default(Nullable(Str()), null),
  displayName: Default(Nullable(Str()), null),
  members: Members,
});

export const SelectionQuery = Obj({
  attributes: Default(Nullable(Str()), null),
  excludedAttributes: Default(Nullable(Str()), null),
});
const page = {
  startIndex: Default(Int(), 1),
  count: Default(Int(), 20),
  filter: Default(Nullable(Str()), null),
};
export const ListQuery = Obj({ ...page, ...SelectionQuery.properties });
export const SearchRequest = shape('SCIMSearchRequest', {
  ...page,
  attributes: Default(Nullable(List(Str())), null),
  excludedAttributes: Default(Nullable(List(Str())), null),
});
