'use strict';

// Calls into user code that leave no frame of ours on its stack.
//
// A job that the promise machinery runs has no caller. The catch: `then` turns what the job returns
// into a promise, and Lambda treats a returned promise and a returned value differently. So the
// derived "promise" is not one: its species is a constructor that hands the plain outcome over.

let outcome;

class Outcome {
  constructor(executor) {
    executor(outcome.returned, outcome.thrown);
  }
}

class Doorstep extends Promise {
  static get [Symbol.species]() {
    return Outcome;
  }
}

const bind = Function.prototype.call.bind(Function.prototype.bind);

/** Call fn.apply(self, args) soon, with an empty stack; then returned(value) or thrown(error). */
function callOutside(fn, self, args, returned, thrown) {
  outcome = { returned, thrown };
  const last = args.length - 1;
  // A reaction gets the promise's value as its argument, so the last argument travels that way.
  Doorstep.resolve(args[last]).then(bind(fn, self, ...args.slice(0, last)));
}

/** Like callOutside, as a promise of the value (a value that is a promise is waited for). */
function outside(fn, ...args) {
  // The plain closures matter: they cut the chain along which V8 finds "at async" frames.
  return new Promise((resolve, reject) => {
    callOutside(
      fn,
      undefined,
      args,
      (value) => {
        if (typeof value?.then === 'function') {
          value.then(
            (settled) => resolve({ value: settled }),
            (error) => reject(error),
          );
        } else {
          resolve({ value });
        }
      },
      (error) => reject(error),
    );
  }).then((box) => box.value);
}

module.exports = { callOutside, outside };
