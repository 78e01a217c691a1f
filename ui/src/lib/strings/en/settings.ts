export const settings = {
  application: {
    title: 'Application',
    lead: 'What your site is called and where it is found.',
    appName: 'Name of the site',
    appNameHint: 'Shown in e-mails and at the top of this dashboard.',
    appURL: 'Address',
    appURLHint: 'The public address, as visitors type it. Links in e-mails begin with it.',
    accentColor: 'Accent colour',
    accentColorHint: 'For buttons and links here. Made darker or lighter where text would be hard to read.',
    accentPick: 'Pick a colour',
    hideControls: 'Protect the collections',
    hideControlsHint: 'Hides the controls that create and change collections, so that nobody does it by accident on a live site.',
    urlFormat: 'Must be an address such as https://example.com.',
    colorFormat: 'Must be a colour such as #1055c9.',
    identity: 'Identity',
    look: 'Look and safety',
  },
};

export const conflict = {
  title: 'Somebody else saved first',
  lead: 'These fields were changed on the server since you opened them. Choose what shall stay.',
  field: 'Field',
  theirs: 'On the server',
  mine: 'Yours',
  keepMine: 'Save mine',
  takeTheirs: 'Take theirs',
  empty: '(empty)',
};
