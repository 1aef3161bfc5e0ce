// One evaluation: a module, which of its handlers, the context as JSON text; the outcome as JSON text:
//   {"value","stash","errors":[{message,type,data,info}]?,"failed":{message,type,data,info}?,"early":"NEXT|END"?,
//    "extensions":[[name, ...arguments]]?,"headers":{...}?}    or    {"fault":{"message","stack"}}
(function (lib, host) {
  'use strict';
  const state = lib.state;

  const inspect = (value) => {
    if (typeof value === 'string') return value;
    try {
      return JSON.stringify(value, (key, member) => (typeof member === 'bigint' ? `${member}` : member)) ?? String(value);
    } catch {
      return String(value);
    }
  };
  const say = (level) => (...parts) => host.say(level, parts.map(inspect).join(' '));
  const console = { log: say('info'), info: say('info'), debug: say('info'), warn: say('warn'), error: say('error') };

  const modules = {
    '@aws-appsync/utils': { util: lib.util, extensions: lib.extensions, runtime: lib.runtime },
    '@aws-appsync/utils/dynamodb': lib.dynamodb,
    '@aws-appsync/utils/rds': lib.rds,
    '@aws-appsync/utils/ai': lib.ai,
  };
  const require = (name) => {
    if (Object.hasOwn(modules, name)) return modules[name];
    throw new Error(`Cannot find module '${name}'`);
  };

  function handlersOf(factory) {
    const module = { exports: {} };
    factory.call(undefined, module.exports, require, module, lib.util, lib.extensions, lib.runtime, console, undefined);
    return module.exports;
  }

  function handlerOf(handlers, name) {
    if (typeof handlers[name] !== 'function') throw new Error(`The handler exports no function '${name}'.`);
    return handlers[name];
  }

  function contextOf(text) {
    const ctx = JSON.parse(text);
    ctx.args = ctx.arguments;
    state.begin(ctx);
    return ctx;
  }

  /** What comes of a handler that is left by util.error, util.unauthorized or runtime.earlyReturn. */
  function leave(thrown, outcome) {
    if (!(thrown instanceof lib.Leaving)) throw thrown;
    Object.assign(outcome, thrown.outcome);
    return false;
  }

  function run(handler, ctx, outcome) {
    try {
      outcome.value = handler(ctx);
      return true;
    } catch (thrown) {
      return leave(thrown, outcome);
    }
  }

  const copy = (value) => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

  function steps(handlers, call, ctx, outcome) {
    if (call === 'response') return run(handlerOf(handlers, 'response'), ctx, outcome);
    if (!run(handlerOf(handlers, 'request'), ctx, outcome) || call === 'request') return;
    ctx.result = copy(outcome.value?.payload);
    outcome.value = undefined;
    run(handlerOf(handlers, 'response'), ctx, outcome);
  }

  lib.evaluate = (factory, call, text) => {
    try {
      const ctx = contextOf(text);
      const outcome = { value: undefined };
      steps(handlersOf(factory), call, ctx, outcome);
      if (outcome.value !== undefined && typeof outcome.value?.then === 'function') throw new Error('Promise is not supported');
      outcome.value ??= null;
      outcome.stash = ctx.stash;
      return JSON.stringify(Object.assign(outcome, state.end()));
    } catch (thrown) {
      state.end();
      const error = thrown instanceof Error ? thrown : { name: 'Error', message: inspect(thrown), stack: '' };
      return `{"fault":${JSON.stringify({ message: `${error.name}: ${error.message}`, stack: String(error.stack) })}}`;
    }
  };
});
