// csv-safety.ts - a spreadsheet runs what begins like a formula, and visitors write what is exported:
// such texts get an apostrophe in front (as OWASP advises), which an import takes away again.
export const SAFE_PREFIX = /^[=+\-@\t\r]/;
export const withoutPrefix = (text: string): string => (text.startsWith("'") && SAFE_PREFIX.test(text.slice(1)) ? text.slice(1) : text);
