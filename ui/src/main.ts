import { mount } from 'svelte';
import App from './App.svelte';
import './lib/styles/base.css';
import './lib/components/controls.css';
import './lib/theme.svelte';

const target = document.getElementById('app');
if (target) {
  target.textContent = ''; // what stood there while this was on its way
  mount(App, { target });
}
