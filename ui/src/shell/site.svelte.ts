// site.svelte.ts - what the shell shows of the owner's settings: name, address, accent colour.
import { api } from '../lib/api';
import { s } from '../lib/strings';
import { theme } from '../lib/theme.svelte';

interface Meta {
  appName: string;
  appURL: string;
  accentColor: string;
  hideControls: boolean;
}

class Site {
  name = $state<string>(s.common.product);
  url = $state('');
  /** settings.meta.hideControls: nobody changes collections by accident. */
  hideControls = $state(false);

  load(): void {
    // Without it the shell shows the product's name; the screen will say what is wrong.
    void api.settings.getAll({ fields: 'meta' }).then((all) => this.set(all.meta as Meta)).catch(() => null);
  }

  set(meta: Meta): void {
    this.name = meta.appName || s.common.product;
    this.url = meta.appURL;
    this.hideControls = meta.hideControls;
    theme.setAccent(meta.accentColor);
  }
}

export const site = new Site();
