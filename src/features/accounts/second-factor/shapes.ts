import { Bool, Default, Int, List, Str, shape, Union } from '../../../kernel/http/shapes.ts';
import { SessionUserResponse } from '../shapes.ts';

const token = Str({ minLength: 20, maxLength: 160, format: 'password', writeOnly: true });
const code = Str({ minLength: 1, maxLength: 128, format: 'password', writeOnly: true });
const recovery = Default(Bool(), false);
const strict = { extra: 'forbid' } as const;

export const MfaChallengeForm = shape('MfaChallengeForm', { challenge_token: token }, strict);
export const MfaVerifyForm = shape('MfaVerifyForm', { challenge_token: token, code, recovery }, strict);
export const MfaFactorForm = shape('MfaFactorForm', { code, recovery }, strict);
export const MfaRecoveryForm = shape('MfaRecoveryForm', { challenge_token: token, reset_token: token }, strict);

export const MfaStatusResponse = shape('MfaStatusResponse', {
  enabled: Bool(),
  required: Bool(),
  recovery_codes_remaining: Int(),
});

export const MfaSetupResponse = shape('MfaSetupResponse', { manual_key: Str(), qr_code: Str() });
export const MfaRecoveryCodesResponse = shape('MfaRecoveryCodesResponse', { recovery_codes: List(Str()) });
export const MfaResetForm = shape('MfaResetForm', { reason: Str({ minLength: 1, maxLength: 500 }) }, strict);
export const MfaResetResponse = shape('MfaResetResponse', { reset_token: Str(), expires_in: Int() });
const MfaEnrollmentResponse = shape('MfaEnrollmentResponse', {
  ...SessionUserResponse.properties,
  recovery_codes: List(Str()),
});
export const MfaConfirmResponse = Union([MfaEnrollmentResponse, MfaRecoveryCodesResponse]);
