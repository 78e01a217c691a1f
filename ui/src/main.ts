import { mount } from 'svelte';
import App from './App.svelte';
import './lib/styles/base.css';
import './lib/components/controls.css';
import './lib/theme.svelte';

const target = document.getElementById('app');
if (target) mount(App, { target });
