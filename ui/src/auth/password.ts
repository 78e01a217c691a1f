import { s } from '../lib/strings';

export interface NewPassword {
  password: string;
  passwordConfirm: string;
}

/** What is wrong with a new password, before the server is asked. */
export function passwordErrors(values: NewPassword): Record<string, string> {
  const errors: Record<string, string> = {};
  if (!values.password) errors.password = s.problems.blank;
  else if ([...values.password].length < 8) errors.password = s.auth.passwordShort;
  if (!errors.password && values.password !== values.passwordConfirm) errors.passwordConfirm = s.auth.passwordsDiffer;
  return errors;
}
