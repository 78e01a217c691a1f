// richtext.ts - a small editor of formatted text (ProseMirror). Import lazily only.
//
// What it knows is its schema, and nothing else can come out of it: no script, no style, no handler,
// whatever is stored or pasted. `fits(html)` says whether it would give back all that it was given;
// if not, the text is better edited as HTML.
import { baseKeymap, setBlockType, toggleMark, wrapIn, lift } from 'prosemirror-commands';
import { history, redo, undo } from 'prosemirror-history';
import { keymap } from 'prosemirror-keymap';
import { DOMParser, DOMSerializer, Schema, type MarkType, type Node } from 'prosemirror-model';
import { marks, nodes } from 'prosemirror-schema-basic';
import { addListNodes, liftListItem, sinkListItem, splitListItem, wrapInList } from 'prosemirror-schema-list';
import { EditorState, type Command } from 'prosemirror-state';
import { EditorView } from 'prosemirror-view';

const { doc, paragraph, blockquote, horizontal_rule, heading, code_block, text, hard_break } = nodes;
const base = new Schema({ nodes: { doc, paragraph, blockquote, horizontal_rule, heading, code_block, text, hard_break }, marks });
const SAFE_ADDRESS = /^(https?:|mailto:|tel:|\/|#|\.)/i;

const schema = new Schema({
  nodes: addListNodes(base.spec.nodes, 'paragraph block*', 'block'),
  marks: {
    link: {
      attrs: { href: {} },
      inclusive: false,
      parseDOM: [{ tag: 'a[href]', getAttrs: (node) => (SAFE_ADDRESS.test(node.getAttribute('href') ?? '') ? { href: node.getAttribute('href') } : false) }],
      toDOM: (mark) => ['a', { href: String(mark.attrs.href) }, 0],
    },
    em: base.spec.marks.get('em')!,
    strong: base.spec.marks.get('strong')!,
    code: base.spec.marks.get('code')!,
  },
});

const inert = (): Document => document.implementation.createHTMLDocument('');
/** Style attributes would be reported by the page's policy as soon as they are parsed, used or not. */
const withoutStyles = (html: string): string => html.replace(/\s(style|on\w+)\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)/gi, '');

function parse(html: string): Node {
  const body = inert().body;
  body.innerHTML = withoutStyles(html);
  return DOMParser.fromSchema(schema).parse(body);
}

function format(node: Node): string {
  const page = inert();
  const body = page.body;
  body.append(DOMSerializer.fromSchema(schema).serializeFragment(node.content, { document: page }));
  // A list item of one line is written as people write it.
  for (const item of body.querySelectorAll('li > p:only-child')) item.replaceWith(...item.childNodes);
  return body.innerHTML === '<p></p>' ? '' : body.innerHTML;
}

const plainly = (html: string): string => html.replace(/\s+/g, ' ').replace(/> </g, '><').replace(/<(\/?)b>/g, '<$1strong>').replace(/<(\/?)i>/g, '<$1em>').replace(/<br\s*\/>/g, '<br>').replace(/&nbsp;/g, '\u00a0').trim();

/** Nothing would be lost: the same text, as far as browsers show it. */
export function fits(html: string): boolean {
  const given = plainly(html);
  const back = plainly(format(parse(html)));
  return given === '' || given === back || (!given.includes('<') && `<p>${given}</p>` === back);
}

export type Action = 'strong' | 'em' | 'code' | 'heading' | 'bullet' | 'number' | 'quote' | 'undo' | 'redo';
export interface RichHandle {
  run: (action: Action) => void;
  link: () => string | null;
  setLink: (href: string) => void;
  setHtml: (html: string) => void;
  destroy: () => void;
}

const isIn = (state: EditorState, type: MarkType): boolean => {
  const { from, $from, to, empty } = state.selection;
  return empty ? !!type.isInSet(state.storedMarks ?? $from.marks()) : state.doc.rangeHasMark(from, to, type);
};
const isInside = (state: EditorState, name: string): boolean => {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth >= 0; depth--) if ($from.node(depth).type.name === name) return true;
  return false;
};

const { bullet_list, ordered_list, list_item } = schema.nodes as Record<string, import('prosemirror-model').NodeType>;
function commandOf(state: EditorState, action: Action): Command {
  switch (action) {
    case 'strong': case 'em': case 'code': return toggleMark(schema.marks[action]);
    case 'heading': return isInside(state, 'heading') ? setBlockType(schema.nodes.paragraph!) : setBlockType(schema.nodes.heading!, { level: 2 });
    case 'bullet': return isInside(state, 'bullet_list') ? liftListItem(list_item!) : wrapInList(bullet_list!);
    case 'number': return isInside(state, 'ordered_list') ? liftListItem(list_item!) : wrapInList(ordered_list!);
    case 'quote': return isInside(state, 'blockquote') ? lift : wrapIn(schema.nodes.blockquote!);
    case 'undo': return undo;
    case 'redo': return redo;
  }
}

export function createRichText(place: HTMLElement, options: { html: string; label: string; onchange: (html: string) => void; onactive: (on: ReadonlySet<string>) => void }): RichHandle {
  const plugins = [
    history(),
    keymap({ 'Mod-b': toggleMark(schema.marks.strong), 'Mod-i': toggleMark(schema.marks.em), 'Mod-z': undo, 'Mod-y': redo, 'Shift-Mod-z': redo, Enter: splitListItem(list_item!), 'Mod-]': sinkListItem(list_item!), 'Mod-[': liftListItem(list_item!),
      'Shift-Enter': (state, dispatch) => (dispatch?.(state.tr.replaceSelectionWith(schema.nodes.hard_break!.create()).scrollIntoView()), true) }),
    keymap(baseKeymap),
  ];
  const stateOf = (html: string) => EditorState.create({ doc: parse(html), plugins });
  let now = options.html;
  const view = new EditorView(place, {
    state: stateOf(options.html),
    attributes: { role: 'textbox', 'aria-multiline': 'true', 'aria-label': options.label },
    transformPastedHTML: withoutStyles,
    clipboardSerializer: DOMSerializer.fromSchema(schema),
    handleDOMEvents: {
      // Chromium would carry the look of the replaced text over in a style attribute (see editor.ts).
      beforeinput(target, event) {
        const typed = event as InputEvent;
        if (typed.inputType !== 'insertText' || typed.data === null || target.state.selection.empty) return false;
        event.preventDefault();
        target.dispatch(target.state.tr.insertText(typed.data).scrollIntoView());
        return true;
      },
    },
    dispatchTransaction(tr) {
      const state = view.state.apply(tr);
      view.updateState(state);
      if (tr.docChanged) options.onchange((now = format(state.doc)));
      tell();
    },
  });
  function tell(): void {
    const { state } = view;
    const on = new Set<string>();
    for (const name of ['strong', 'em', 'code', 'link']) if (isIn(state, schema.marks[name as 'strong'])) on.add(name);
    for (const [name, action] of [['heading', 'heading'], ['bullet_list', 'bullet'], ['ordered_list', 'number'], ['blockquote', 'quote']] as const) if (isInside(state, name)) on.add(action);
    options.onactive(on);
  }
  return {
    run(action) {
      commandOf(view.state, action)(view.state, view.dispatch, view);
      view.focus();
    },
    link() {
      const { $from, empty } = view.state.selection;
      const mark = schema.marks.link.isInSet($from.marks());
      return mark ? String(mark.attrs.href) : empty ? null : '';
    },
    setLink(href) {
      const type = schema.marks.link;
      const { from, to, empty } = view.state.selection;
      if (!empty) view.dispatch(href && SAFE_ADDRESS.test(href) ? view.state.tr.addMark(from, to, type.create({ href })) : view.state.tr.removeMark(from, to, type));
      view.focus();
    },
    setHtml(html) {
      if (html === now) return;
      now = html;
      view.updateState(stateOf(html));
    },
    destroy: () => view.destroy(),
  };
}
