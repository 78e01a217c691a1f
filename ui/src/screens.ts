// screens.ts - the one list of screens. A row here puts a screen into the navigation, into the
// command palette, into the gallery of screenshots and into the test that runs axe on all of them.
import type { Component } from 'svelte';
import type { IconName } from './lib/components/icons';
import { s } from './lib/strings';
import Home from './screens/home/Home.svelte';

export type NavGroup = keyof typeof s.shell.groups;

export interface ScreenProps {
  params: Record<string, string>;
}

export interface Screen {
  /** Behind '#': "/collections/:name". */
  path: string;
  title: string;
  icon: IconName;
  /** Where in the navigation; without it, the screen is reached from others. */
  group?: NavGroup;
  /** Shown as current while this screen is open, for screens that are not in the navigation. */
  under?: string;
  /** More words the palette finds it by. */
  keywords?: string;
  load: () => Promise<{ default: Component<ScreenProps> | Component<Record<string, never>> }>;
}

export const screens: readonly Screen[] = [
  // Where everybody begins is there with the shell; its plot comes after.
  { path: '/home', title: s.home.title, icon: 'home', group: 'site', keywords: 'overview dashboard start requests errors warnings', load: async () => ({ default: Home }) },
  {
    path: '/settings/application', title: s.settings.application.title, icon: 'application', group: 'settings',
    keywords: 'name url address accent colour theme', load: () => import('./screens/settings/Application.svelte'),
  },
  { path: '/records', title: s.records.title, icon: 'records', group: 'site', keywords: 'data rows posts grid import export csv', load: () => import('./screens/records/Records.svelte') },
  { path: '/records/:collection', title: s.records.title, icon: 'records', under: '/records', load: () => import('./screens/records/Records.svelte') },
  { path: '/users', title: s.records.users, icon: 'users', group: 'site', keywords: 'accounts auth sessions verify impersonate', load: () => import('./screens/records/Users.svelte') },
  { path: '/users/:users', title: s.records.users, icon: 'users', under: '/users', load: () => import('./screens/records/Users.svelte') },
  {
    path: '/collections', title: s.collections.list.title, icon: 'collections', group: 'site',
    keywords: 'tables schema fields', load: () => import('./screens/collections/List.svelte'),
  },
  // "-" is no name of a collection.
  { path: '/collections/-/new', title: s.collections.list.create, icon: 'plus', under: '/collections', load: () => import('./screens/collections/New.svelte') },
  { path: '/collections/-/import', title: s.collections.schema.importTitle, icon: 'upload', under: '/collections', load: () => import('./screens/collections/Import.svelte') },
  { path: '/collections/-/export', title: s.collections.schema.exportTitle, icon: 'download', under: '/collections', load: () => import('./screens/collections/Export.svelte') },
  { path: '/collections/-/diagram', title: s.collections.schema.diagramTitle, icon: 'diagram', under: '/collections', load: () => import('./screens/collections/Diagram.svelte') },
  { path: '/collections/:collection', title: s.collections.list.title, icon: 'collections', under: '/collections', load: () => import('./screens/collections/Edit.svelte') },
  { path: '/collections/:collection/api', title: s.collections.list.api, icon: 'code', under: '/collections', load: () => import('./screens/collections/ApiPreview.svelte') },
  { path: '/files', title: s.files.title, icon: 'files', group: 'site', keywords: s.files.keywords, load: () => import('./screens/files/Files.svelte') },
  { path: '/logs', title: s.logs.title, icon: 'logs', group: 'operations', keywords: 'requests errors tail debug', load: () => import('./screens/logs/Logs.svelte') },
  { path: '/sql', title: s.sql.title, icon: 'sql', group: 'operations', keywords: 'query database select explain', load: () => import('./screens/sql/Sql.svelte') },
  { path: '/settings/mail', title: s.server.mail.title, icon: 'mail', group: 'settings', keywords: 'smtp sender test e-mail', load: () => import('./screens/settings/Mail.svelte') },
  { path: '/settings/storage', title: s.server.storage.title, icon: 'storage', group: 'settings', keywords: 's3 bucket files', load: () => import('./screens/settings/Storage.svelte') },
  { path: '/settings/backups', title: s.server.backups.title, icon: 'backup', group: 'settings', keywords: 'restore zip schedule download', load: () => import('./screens/settings/Backups.svelte') },
  { path: '/settings/crons', title: s.server.crons.title, icon: 'clock', group: 'settings', keywords: 'cron jobs run', load: () => import('./screens/settings/Crons.svelte') },
  { path: '/settings/rate-limits', title: s.server.limits.title, icon: 'gauge', group: 'settings', keywords: '429 abuse', load: () => import('./screens/settings/RateLimits.svelte') },
  { path: '/settings/logs', title: s.server.logs.title, icon: 'logs', group: 'settings', keywords: 'retention level ip', load: () => import('./screens/settings/Logs.svelte') },
  { path: '/settings/batch', title: s.server.batch.title, icon: 'collections', group: 'settings', keywords: 'transactions', load: () => import('./screens/settings/Batch.svelte') },
  { path: '/settings/proxy', title: s.server.proxy.title, icon: 'shield', group: 'settings', keywords: 'ip header nginx cloudflare', load: () => import('./screens/settings/Proxy.svelte') },
  { path: '/settings/superusers', title: s.server.owners.title, icon: 'users', group: 'settings', keywords: 'admin owner password mfa otp ip', load: () => import('./screens/settings/Superusers.svelte') },
  { path: '/settings/tokens', title: s.server.tokens.title, icon: 'key', group: 'settings', keywords: 'secret duration jwt apple', load: () => import('./screens/settings/Tokens.svelte') },
  { path: '/settings/transfer', title: s.server.transfer.title, icon: 'copy', group: 'settings', keywords: 'export import json', load: () => import('./screens/settings/Transfer.svelte') },
  // Every component in use, for who builds screens and for the tests; in no menu.
  { path: '/kit', title: 'Components', icon: 'code', load: () => import('./screens/Kit.svelte') },
];
