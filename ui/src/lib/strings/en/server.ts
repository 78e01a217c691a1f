// Settings beyond Application: mail, storage, backups, crons, limits, accounts, tokens.
const s3 = {
  enabled: 'Keep them in an S3 bucket', endpoint: 'Endpoint', endpointHint: 'The address of the store: https://s3.eu-central-1.amazonaws.com or that of any S3 compatible one.',
  bucket: 'Bucket', region: 'Region', accessKey: 'Access key', secret: 'Secret', forcePathStyle: 'Bucket in the path',
  forcePathStyleHint: 'For MinIO and others that do not serve bucket.example.com.', test: 'Test the connection', testSaved: 'Save first: the test uses what is stored.',
  tested: 'An object was stored and removed again. It works.',
};
export const server = {
  secretKept: 'Not shown. Leave it empty to keep the stored one.',
  number: 'Must be a number.', positive: 'Must be at least 1.', days: 'days', seconds: 'seconds',
  add: 'Add', remove: 'Remove', removeRow: (n: number) => `Remove rule ${n}`,
  mail: {
    title: 'Mail', lead: 'How the server sends e-mails: confirmations, new passwords, codes.',
    sender: 'Sender', senderName: 'Name', senderNameHint: 'Who the mail seems to come from: the name of your shop or club.', senderAddress: 'Address', senderAddressHint: 'Your provider must allow it to send.',
    email: 'Must be an e-mail address.', smtp: 'Mail server', enabled: 'Send by SMTP', enabledHint: 'Without it, this machine’s own sendmail is used, whose mail often ends as spam.',
    host: 'Server', port: 'Port', username: 'User name', password: 'Password', tls: 'Encryption', tlsAuto: 'StartTLS when offered (port 587)', tlsAlways: 'TLS from the start (port 465)',
    authMethod: 'How to sign in', localName: 'Name of this machine', localNameHint: 'Said in EHLO. Most servers do not care.', more: 'More options',
    test: 'Send a test', testTitle: 'Send a test e-mail', testTo: 'Send it to', testTemplate: 'Which mail', testCollection: 'Worded as for', testSend: 'Send', testDone: (to: string) => `Sent to ${to}. Look into the mailbox, and into spam.`,
    testUnsaved: 'The test uses what is stored; your changes are not saved yet.',
    templates: { verification: 'Confirm the address', 'password-reset': 'New password', 'email-change': 'New address', otp: 'One-time code', 'login-alert': 'Sign-in from a new place' },
  },
  s3,
  storage: {
    title: 'File storage', lead: 'Where uploaded files are kept.', where: 'Where files are', local: 'On this machine’s disk. Backups have them in.',
    switching: 'Changing the store moves nothing.', switchingText: 'Copy the folder storage to the bucket first (or back), with the same paths; then switch. Files that are not there yet cannot be opened, and backups leave out what is in a bucket.',
  },
  backups: {
    title: 'Backups', lead: 'Copies of everything: records, logs, files. Making one holds nobody up.',
    create: 'Back up now', upload: 'Upload a backup', uploading: (name: string) => `Uploading ${name}`, uploaded: 'Uploaded.', cancelUpload: 'Stop the upload',
    list: 'Backups on the server', empty: 'No backups yet', emptyText: 'The first one takes a moment. Set a schedule so that you never have to think of it.',
    made: 'The backup is made and was read back.', verified: 'Verified', verifiedHint: 'Read back after it was made; every checksum fits.', unverified: 'Not verified', unverifiedHint: 'Brought from elsewhere; it is checked before a restore.',
    busy: 'Making a backup', download: 'Download', downloadName: (key: string) => `Download ${key}`, more: (key: string) => `More for ${key}`, restore: 'Restore…', del: 'Delete…', deleteTitle: (key: string) => `Delete ${key}?`,
    deleteText: 'The file is removed and cannot be brought back.', deleted: 'Deleted.', restoreTitle: 'Restore this backup?',
    restoreText: 'All data becomes what it was then. What was written since is gone: make a backup first if you may want it. The site restarts for a moment. Type the name to go on:',
    restoreAction: 'Restore', restoring: 'Restoring', restoringText: (key: string) => `${key} is checked, then the server restarts on it. Leave this page open.`, checking: 'Checking and unpacking', restarting: 'The server restarts…',
    restoreSlow: 'It takes longer than usual. This page goes on waiting; the log of the server says what it does.',
    restored: 'The backup is restored', restoredText: 'The server is back on the restored data. Accounts and passwords are those of the backup.', restoreFailed: 'It was not restored', restoreFailedText: 'Nothing has changed; the data is as it was before.', goOn: 'Go on',
    notZip: 'That is not a .zip file.',
    schedule: 'Schedule', cron: 'When', cronHint: 'Five fields: minute, hour, day, month, weekday; in UTC. Empty for no automatic backups.', keep: 'Keep the newest', keepHint: 'Automatic ones beyond this number are removed. Those you made yourself stay.',
    presets: 'Common schedules', off: 'Off', nightly: 'Every night', weekly: 'Every week', twice: 'Twice a day', monthly: 'Every month', next: 'Next', target: 'Where backups go', targetHint: 'A disk that dies takes the backups on it along: keep them elsewhere too.',
  },
  cron: {
    invalid: 'Needs five fields, such as 0 3 * * *.', off: 'Never.', never: 'There is no such day.',
    everyMinute: 'Every minute', everyMinutes: (n: number) => `Every ${n} minutes`, hourly: (m: string) => `Every hour at :${m}`, at: (times: string) => `at ${times} UTC`,
    manyTimes: (n: number) => `${n} times a day (UTC)`, everyDay: 'Every day', on: (days: string) => `Every ${days}`, dayOfMonth: (days: string) => `On day ${days} of the month`, inMonths: (months: string) => `in ${months}`,
    weekdays: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
    months: ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'],
  },
  crons: {
    title: 'Scheduled jobs', lead: 'What the server does by itself, and when.', run: 'Run now', runName: (name: string) => `Run now: ${name}`, started: (name: string) => `${name} was started. What came of it is in the logs.`,
    next: 'Next', none: 'No scheduled jobs',
    names: { __pbLogsCleanup__: 'Remove old logs', __pbDBOptimize__: 'Optimize the database', __pbMFACleanup__: 'Remove unfinished sign-ins', __pbOTPCleanup__: 'Remove old one-time codes', __pbAutoBackup__: 'Automatic backup', __pbRateLimitersCleanup__: 'Forget old rate counters' } as Record<string, string>,
  },
  limits: {
    title: 'Rate limits', lead: 'How often one visitor may ask, so that nobody guesses passwords or slows the site down for others.', enabled: 'Limit requests', rules: 'Rules', rulesHint: 'The most specific rule counts. Who asks more often is told to wait (429).',
    label: 'What', labelHint: '*:auth, posts:create, /api/ or POST /api/batch', audience: 'Who', all: 'Everybody', guest: 'Guests', auth: 'Signed in', max: 'Requests', duration: 'in seconds', addRule: 'Add a rule', rule: (n: number) => `Rule ${n}`,
    preset: 'Use the usual rules', excluded: 'Never limited', excludedHint: 'Addresses or networks, one a line: 10.0.0.0/8.', noRules: 'There are no rules yet.', labelFormat: 'Such as *:auth, posts:create, /api/ or POST /api/batch.',
  },
  logs: {
    title: 'Log settings', lead: 'What is noted of requests, and for how long.', days: 'Keep for (days)', daysHint: '0 keeps no logs at all, and removes those that are there.', level: 'Note from', levels: { '-4': 'Debug and up', '0': 'Information and up', '4': 'Warnings and up', '8': 'Errors only' },
    ip: 'Note the IP address', ipHint: 'Personal data in many countries: say so in your privacy notice.', authId: 'Note who was signed in', wipe: 'Saving this removes all logs.',
  },
  batch: {
    title: 'Batch requests', lead: 'Several changes in one request, all or none: /api/batch.', enabled: 'Allow batch requests', max: 'Requests in one batch', timeout: 'Time for one batch (seconds)', size: 'Largest body (bytes)', sizeHint: '0 stands for 128 MiB.',
  },
  proxy: {
    title: 'Trusted proxy', lead: 'Behind nginx, Caddy or a CDN, the visitor’s address comes in a header. Trust only one that your proxy always sets.', seen: 'What the server sees of you', ip: 'Your address', header: 'Header a proxy sent', none: 'none', headers: 'Trusted headers', headersHint: 'One a line; the first that is there counts. Empty when visitors reach the server directly.',
    use: (name: string) => `Trust ${name}`, leftmost: 'Take the first address of the list', leftmostHint: 'Only when your proxy replaces what visitors send; otherwise anybody can pretend any address.', warning: (name: string) => `A proxy seems to be in front (${name}), but it is not trusted: rate limits and logs take all visitors for one.`,
  },
  owners: {
    title: 'Superusers', lead: 'Who may do everything on this server.', list: 'Accounts', add: 'Add a superuser', you: 'You', email: 'E-mail', password: 'Password', again: 'Password again', changePassword: 'Change the password…', changeTitle: (email: string) => `New password of ${email}`, change: 'Change the password',
    changed: 'The password is changed; other sessions of this account have ended.', added: 'Added.', del: 'Delete…', deleteTitle: (email: string) => `Delete ${email}?`, deleteText: 'This account can no longer sign in. The data stays.', deleted: 'Deleted.', more: (email: string) => `More for ${email}`, since: 'since',
    signIn: 'Signing in', otp: 'Codes by e-mail', otpHint: 'Sign in with a one-time code. Needs working mail.', mfa: 'Two steps', mfaHint: 'Ask for two different proofs: password and code. Needs codes by e-mail.', mfaNeeds: 'Turn on codes by e-mail first.',
    ips: 'Allowed addresses', ipsHint: 'Addresses or networks from which superusers may work, one a line. Empty: from anywhere.', yours: (ip: string) => `Your address is ${ip}.`, lockout: (ip: string) => `You would lock yourself out: ${ip} is not among them.`, addMine: 'Add mine', format: (text: string) => `Not an address or network: ${text}`,
  },
  tokens: {
    title: 'Tokens', lead: 'How long sign-ins and links last, for each collection of users.', collection: 'Collection', durations: 'How long they are good for', hint: 'In seconds. 86400 are a day, 604800 a week.', about: (text: string) => `= ${text}`,
    kinds: { authToken: 'Signed in', passwordResetToken: 'Link for a new password', emailChangeToken: 'Link for a new address', verificationToken: 'Link to confirm the address', fileToken: 'Link to a protected file' },
    rotate: 'End what was issued', rotateHint: 'A new secret makes all tokens of that kind invalid at once: use it when one leaked.', rotateKind: (kind: string) => `Make “${kind}” tokens invalid`, rotateTitle: (kind: string) => `Make all “${kind}” tokens invalid?`, rotateText: 'Everybody who holds one has to get another: who is signed in has to sign in again.', rotated: 'All earlier tokens of this kind are invalid.',
    apple: 'Sign in with Apple', appleLead: 'Apple wants a client secret signed with your key; it lasts half a year at most.', appleOpen: 'Make a client secret', appleTitle: 'Client secret for Apple', clientId: 'Client ID', clientIdHint: 'The identifier of your service, such as com.example.web.', teamId: 'Team ID', keyId: 'Key ID', privateKey: 'Private key', privateKeyHint: 'The content of the .p8 file. It is used once and not kept.', duration: 'Good for (seconds)', generate: 'Make it', secret: 'Client secret',
  },
  transfer: {
    title: 'Export and import', lead: 'All settings in one file: to keep, to compare, or for another server.', export: 'Export', exportText: 'Passwords and secrets are left out, so the file may be shared and kept under version control.', download: 'Download settings.json',
    import: 'Import', importText: 'You see what would change before anything does.', choose: 'Settings file', bad: 'That is not a file of settings.', same: 'It holds nothing that differs from the settings here.', diff: (n: number) => (n === 1 ? '1 setting would change' : `${n} settings would change`), setting: 'Setting', now: 'Now', then: 'Then', apply: 'Apply the changes', applied: 'The settings are changed.', missing: '(not set)',
  },
};
