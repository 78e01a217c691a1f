// The one table of what the dashboard says. Each area has a file in en/; a sentence with a
// number or a name in it is a function. Another language is another object of type Strings.
import * as collections from './en/collections';
import { common, problems } from './en/common';
import { files } from './en/files';
import { home } from './en/home';
import { logs } from './en/logs';
import { auth, shell } from './en/shell';
import { conflict, settings } from './en/settings';
import { server } from './en/server';
import { importing, people, record, records } from './en/records';
import { sql } from './en/sql';

export const en = {
  collections,
  common, problems,
  home, files,
  shell, auth,
  settings, conflict, server,
  records, record, people, importing,
  logs, sql,
};
