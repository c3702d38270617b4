/**
 * Markdown of somebody else, attacker-controlled. The library reads it into tokens; what they become is listed here, and everything else is shown as the
 * text that it is. No markup is ever parsed: the page forbids it (Trusted Types).
 */
import { lexer, type Token, type Tokens } from 'marked';
import type { ComponentChildren } from 'preact';
import { Foreign } from './text.tsx';

/** Deeper nesting is shown as text. */
const DEEPEST = 8;

export default function Markdown({ text }: { text: string }) {
  return <div class="prose">{blocks(lexer(text), 0)}</div>;
}

function blocks(tokens: readonly Token[], depth: number): ComponentChildren[] {
  return tokens.map((token, index) => <Block key={index} token={token} depth={depth + 1} />);
}

function Block({ token, depth }: { token: Token; depth: number }) {
  if (depth > DEEPEST) return <Plain token={token} />;
  switch (token.type) {
    case 'space':
      return null;
    case 'heading':
      // The page has its own headings; those of a text stand below them.
      return <p class="strong">{inlines(token as Tokens.Heading)}</p>;
    case 'paragraph':
      return <p>{inlines(token as Tokens.Paragraph)}</p>;
    case 'text':
      return <>{inlines(token as Tokens.Text)}</>;
    case 'code':
      return (
        <pre>
          <code>
            <Foreign text={(token as Tokens.Code).text} />
          </code>
        </pre>
      );
    case 'blockquote':
      return <blockquote>{blocks((token as Tokens.Blockquote).tokens, depth)}</blockquote>;
    case 'hr':
      return <hr />;
    case 'list': {
      const { ordered, items } = token as Tokens.List;
      const entries = items.map((item, index) => <li key={index}>{blocks(item.tokens, depth)}</li>);
      return ordered ? <ol>{entries}</ol> : <ul>{entries}</ul>;
    }
    default:
      return <Plain token={token} />;
  }
}

function inlines({ tokens, text }: { tokens?: readonly Token[]; text: string }): ComponentChildren {
  if (!tokens) return <Foreign text={text} />;
  return tokens.map((token, index) => <Inline key={index} token={token} />);
}

function Inline({ token }: { token: Token }) {
  switch (token.type) {
    case 'text':
    case 'escape':
      return <Foreign text={(token as Tokens.Text).text} />;
    case 'strong':
      return <strong>{inlines(token as Tokens.Strong)}</strong>;
    case 'em':
      return <em>{inlines(token as Tokens.Em)}</em>;
    case 'codespan':
      return (
        <code>
          <Foreign text={(token as Tokens.Codespan).text} />
        </code>
      );
    case 'br':
      return <br />;
    case 'link':
      return <Away address={(token as Tokens.Link).href}>{inlines(token as Tokens.Link)}</Away>;
    default:
      return <Plain token={token} />;
  }
}

/** As it was written: markup, pictures, tables. */
function Plain({ token }: { token: Token }) {
  return (
    <span class="pre">
      <Foreign text={token.raw.trimEnd()} />
    </span>
  );
}

/** A link out of here, if it is one of the web; the address is shown, because words can promise anything. */
export function Away({ address, children }: { address: string; children?: ComponentChildren }) {
  const isWeb = URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
  if (!isWeb) return <Foreign text={address} />;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer" title={address}>
      {children ?? <Foreign text={address} />}
    </a>
  );
}
