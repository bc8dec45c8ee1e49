import {
  Bool,
  Default,
  Dict,
  Int,
  Json,
  List,
  Nullable,
  OneOf,
  Optional,
  Str,
  shape,
  Union,
} from '../../kernel/http/shapes.ts';

export const SigninForm = shape('SigninForm', { email: Str(), password: Str() });

export const SignupForm = shape('SignupForm', {
  name: Str(),
  email: Str(),
  password: Str(),
  profile_image_url: Default(Nullable(Str()), '/user.png'),
});

export const AddUserForm = shape('AddUserForm', {
  name: Str(),
  email: Str(),
  password: Str(),
  profile_image_url: Default(Nullable(Str()), '/user.png'),
  role: Default(Nullable(Str()), 'pending'),
});

export const UpdateProfileForm = shape('UpdateProfileForm', {
  profile_image_url: Str(),
  name: Str(),
  bio: Default(Nullable(Str()), null),
  gender: Default(Nullable(Str()), null),
  date_of_birth: Default(Nullable(Str({ format: 'date' })), null),
});

export const UpdateTimezoneForm = shape('UpdateTimezoneForm', { timezone: Str() });
export const UpdatePasswordForm = shape('UpdatePasswordForm', { password: Str(), new_password: Str() });
export const ApiKey = shape('ApiKey', { api_key: Nullable(Str()) });

export const SessionUserResponse = shape('SessionUserResponse', {
  token: Str(),
  token_type: Str(),
  expires_at: Nullable(Int()),
  id: Str(),
  email: Str(),
  name: Str(),
  role: Str(),
  profile_image_url: Str(),
  permissions: Nullable(Dict()),
});

export const SessionUserInfoResponse = shape('SessionUserInfoResponse', {
  ...SessionUserResponse.properties,
  bio: Nullable(Str()),
  gender: Nullable(Str()),
  date_of_birth: Nullable(Str()),
  status_emoji: Nullable(Str()),
  status_message: Nullable(Str()),
  status_expires_at: Nullable(Int()),
});

export const MfaChallengeResponse = shape('MfaChallengeResponse', {
  next_step: OneOf('enroll', 'verify', 'recover'),
  challenge_token: Str(),
  expires_in: Int(),
});

export const PendingUserResponse = shape('PendingUserResponse', { next_step: Str() });
export const SigninResponse = Union([SessionUserResponse, MfaChallengeResponse, PendingUserResponse]);

export const AddUserResponse = shape('AddUserResponse', {
  token: Optional(Str()),
  token_type: Optional(Str()),
  id: Str(),
  email: Str(),
  name: Str(),
  role: Str(),
  profile_image_url: Str(),
});

export const UserProfileImageResponse = shape('UserProfileImageResponse', {
  id: Str(),
  name: Str(),
  role: Str(),
  email: Str(),
  profile_image_url: Str(),
});

const user = {
  id: Str(),
  email: Str(),
  username: Nullable(Str()),
  role: Str(),
  name: Str(),
  profile_image_url: Str(),
  profile_banner_image_url: Nullable(Str()),
  bio: Nullable(Str()),
  gender: Nullable(Str()),
  date_of_birth: Nullable(Str()),
  timezone: Nullable(Str()),
  presence_state: Nullable(Str()),
  status_emoji: Nullable(Str()),
  status_message: Nullable(Str()),
  status_expires_at: Nullable(Int()),
  info: Nullable(Dict()),
  settings: Nullable(Json()),
  oauth: Nullable(Dict()),
  scim: Nullable(Dict()),
  last_active_at: Int(),
  updated_at: Int(),
  created_at: Int(),
};

export const UserModel = shape('UserModel', user);
export const UserGroupIdsListResponse = shape('UserGroupIdsListResponse', {
  users: List(shape('UserGroupIdsModel', { ...user, group_ids: List(Str()) })),
  total: Int(),
});
export const UserActiveResponse = shape('UserActiveResponse', {
  ...user,
  groups: Nullable(List(Json())),
  is_active: Bool(),
});

export const UserInfoResponse = shape('UserInfoResponse', {
  id: Str(),
  name: Str(),
  email: Str(),
  role: Str(),
  bio: Nullable(Str()),
  timezone: Nullable(Str()),
  last_active_at: Nullable(Int()),
  status_emoji: Nullable(Str()),
  status_message: Nullable(Str()),
  status_expires_at: Nullable(Int()),
  groups: Nullable(List(Json())),
  is_active: Bool(),
});
export const UserInfoListResponse = shape('UserInfoListResponse', { users: List(UserInfoResponse), total: Int() });

export const UserUpdateForm = shape('UserUpdateForm', {
  role: Default(Nullable(Str()), null),
  name: Default(Nullable(Str()), null),
  email: Default(Nullable(Str()), null),
  profile_image_url: Default(Nullable(Str()), null),
  password: Default(Nullable(Str()), null),
});

export const UserSettings = shape('UserSettings', { ui: Optional(Nullable(Dict())) }, { extra: 'keep' });
export const UserStatus = shape('UserStatus', {
  status_emoji: Default(Nullable(Str()), null),
  status_message: Default(Nullable(Str()), null),
  status_expires_at: Default(Nullable(Int()), null),
});
export const UserVariablesForm = shape('UserVariablesForm', { variables: Default(Dict(), {}) });
export const UserVariablesResponse = shape('UserVariablesResponse', { variables: Dict(Str()) });
