// library.ts - plot.ts with uPlot in it, a chunk of its own: asked for early, drawn with at once when it is here by then.
export type Library = typeof import('./plot');

let loaded: Library | null = null;
export const library = (): Library | null => loaded;
export const loadLibrary = async (): Promise<Library> => (loaded = await import('./plot'));
