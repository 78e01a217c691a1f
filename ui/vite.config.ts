import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Everything is relative, so that the dashboard works below any base path. What a screen needs
// beyond the shell is loaded with it (src/screens.ts imports screens lazily).
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // no data: URLs in style sheets
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 400,
    rollupOptions: { output: { entryFileNames: 'assets/app-[hash].js' } },
  },
});
