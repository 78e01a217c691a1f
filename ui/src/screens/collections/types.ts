// types.ts - collections and fields, as the API has them.
export const FIELD_TYPE_NAMES = ['text', 'editor', 'number', 'bool', 'email', 'url', 'date', 'autodate', 'select', 'relation', 'file', 'json', 'geoPoint', 'password'] as const;
export type FieldType = (typeof FIELD_TYPE_NAMES)[number];
export type CollectionType = 'base' | 'auth' | 'view';
export const RULES = ['listRule', 'viewRule', 'createRule', 'updateRule', 'deleteRule', 'authRule', 'manageRule'] as const;
export type RuleName = (typeof RULES)[number];
export type Rule = string | null;

export interface Field {
  [option: string]: unknown;
  id: string;
  name: string;
  type: FieldType;
  system: boolean;
  hidden: boolean;
  presentable: boolean;
}
export interface EditedField extends Field {
  removed: boolean;
}

export interface Template { subject: string; body: string }
export interface Token { duration: number | null; secret?: string }
export interface Provider {
  name: string;
  clientId: string;
  clientSecret?: string;
  displayName: string;
  authURL: string;
  tokenURL: string;
  userInfoURL: string;
  pkce: boolean | null;
  extra: Record<string, unknown> | null;
}
export const TOKENS = ['authToken', 'passwordResetToken', 'emailChangeToken', 'verificationToken', 'fileToken'] as const;
export const TEMPLATES = ['verificationTemplate', 'resetPasswordTemplate', 'confirmEmailChangeTemplate'] as const;

export type AuthOptions = Record<(typeof TOKENS)[number], Token> & Record<(typeof TEMPLATES)[number], Template> & {
  authAlert: { enabled: boolean; emailTemplate: Template };
  passwordAuth: { enabled: boolean; identityFields: string[] };
  oauth2: { enabled: boolean; mappedFields: { id: string; name: string; username: string; avatarURL: string }; providers: Provider[] };
  mfa: { enabled: boolean; duration: number | null; rule: string };
  otp: { enabled: boolean; duration: number | null; length: number | null; emailTemplate: Template };
};

export type Collection = {
  id: string;
  name: string;
  type: CollectionType;
  system: boolean;
  fields: Field[];
  indexes: string[];
  viewQuery?: string;
  created: string;
  updated: string;
} & { [R in RuleName]?: Rule } & Partial<AuthOptions>;

/** As it is edited; see model.ts. */
export interface Draft {
  id: string;
  name: string;
  type: CollectionType;
  system: boolean;
  fields: Record<string, EditedField>;
  order: string[];
  indexes: string[];
  rules: { [R in RuleName]?: Rule };
  viewQuery: string;
  options: AuthOptions | null;
}
