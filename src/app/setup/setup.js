// setup.js - makes the first superuser with the token of the printed link.
const byId = (id) => document.getElementById(id);
const FIELDS = ['email', 'password', 'passwordConfirm'];

function showProblems(message, data) {
  let first = null;
  for (const name of FIELDS) {
    const text = data?.[name]?.message ?? '';
    byId(`${name}-problem`).textContent = text;
    byId(name).setAttribute('aria-invalid', text ? 'true' : 'false');
    if (text && !first) first = byId(name);
  }
  byId('problem').textContent = first ? '' : message;
  if (first) first.focus();
  else if (message) byId('problem').focus();
}

function ownProblems(values) {
  const data = {};
  for (const name of FIELDS) {
    if (!values[name]) data[name] = { message: 'Cannot be blank.' };
  }
  if (!data.password && values.password.length < 8) data.password = { message: 'Must be at least 8 characters.' };
  if (!data.passwordConfirm && values.password !== values.passwordConfirm) {
    data.passwordConfirm = { message: 'The two passwords differ.' };
  }
  return Object.keys(data).length ? data : null;
}

function explain(status, body) {
  if (status === 401 || status === 403) {
    return 'This link has expired or was used already. If there is no superuser yet, restart the server to get another one.';
  }
  return body?.message ?? 'The server did not answer as expected.';
}

async function create(token, values) {
  const answer = await fetch('/api/collections/_superusers/records', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: token },
    body: JSON.stringify(values),
  });
  const body = await answer.json().catch(() => null);
  return answer.ok ? null : { message: explain(answer.status, body), data: body?.data };
}

async function submit(token) {
  const values = Object.fromEntries(FIELDS.map((name) => [name, byId(name).value]));
  const own = ownProblems(values);
  if (own) return showProblems('', own);

  const button = byId('submit');
  button.disabled = true;
  const problem = await create(token, values).catch(() => ({ message: 'The server cannot be reached.' }));
  button.disabled = false;
  if (problem) return showProblems(problem.message, problem.data);

  history.replaceState(null, '', '/_/'); // the token is used up; keep it out of the history
  byId('install').hidden = true;
  byId('done-email').textContent = values.email;
  byId('done').hidden = false;
  byId('done-title').focus();
}

function start() {
  const token = /^#\/pbinstall\/([\w.-]+)$/.exec(location.hash)?.[1];
  byId('install').hidden = !token;
  byId('no-token').hidden = Boolean(token);
  byId('form').onsubmit = (event) => {
    event.preventDefault();
    submit(token);
  };
}

for (const span of document.querySelectorAll('[data-base]')) span.textContent = location.origin;
addEventListener('hashchange', start);
start();
