// links.ts - addresses that arrive from outside, with a token: the link the server prints at its
// first start, the links in e-mails, the end of a sign-in through a provider.
import type { Component } from 'svelte';

export type LinkKind = 'install' | 'confirm-password-reset' | 'confirm-verification' | 'confirm-email-change' | 'oauth2-redirect-success' | 'oauth2-redirect-failure';
export interface LinkProps {
  token: string;
  kind: LinkKind;
}
interface Link extends LinkProps {
  load: () => Promise<{ default: Component<LinkProps> }>;
}

const install = () => import('./InstallPage.svelte');
const other = () => import('./LinkPage.svelte');

function find(path: string): Link | null {
  const token = /^\/pbinstall\/([\w.-]+)$/.exec(path)?.[1];
  if (token) return { kind: 'install', token, load: install };
  const [, kind, rest] = /^\/auth\/(confirm-password-reset|confirm-verification|confirm-email-change|oauth2-redirect-success|oauth2-redirect-failure)(?:\/([\w.-]+))?$/.exec(path) ?? [];
  return kind ? { kind: kind as LinkKind, token: rest ?? '', load: other } : null;
}

export const auth = { find };
