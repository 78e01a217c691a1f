// contact.js - guests may write; only the owner can list what they wrote.
import { pb, $, notice, onSubmit } from '/app.js';

onSubmit($('contact'), async (data) => {
  await pb.collection('messages').create(Object.fromEntries(data));
  $('contact').reset();
  notice('Your message has arrived. Thank you!');
});
