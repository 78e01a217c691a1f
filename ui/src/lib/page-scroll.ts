// page-scroll.ts - where the page is scrolled: <main> of the shell, not the window.
//
//   if (pageScroll.top() > 400) …
//   pageScroll.toTop();
//   new IntersectionObserver(seen, { root: pageScroll.element(), rootMargin: '600px' });
const element = (): HTMLElement | null => document.getElementById('main');

export const pageScroll = {
  element,
  top: (): number => element()?.scrollTop ?? 0,
  toTop(): void { element()?.scrollTo({ top: 0 }); },
};
