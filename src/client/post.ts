// Letters to another thread, all of a turn in one post.

/** Answers a function that takes letters and hands them on together, before the event loop goes on to anything else. */
export function newPost<Letter>(deliver: (letters: readonly Letter[]) => void): (letter: Letter) => void {
  let letters: Letter[] = [];
  return (letter) => {
    if (letters.length === 0) {
      queueMicrotask(() => {
        const all = letters;
        letters = [];
        deliver(all);
      });
    }
    letters.push(letter);
  };
}
