// Imported first, before Pyodide looks around. It must take this for a browser, not for Node; and it must not
// find MessageChannel: it would run the callbacks of all Durable Objects from whichever object's event comes
// next, where the platform refuses I/O for another object. Without it, callbacks are timers, and a timer fires
// in the object that set it.
globalThis.process = undefined;
globalThis.MessageChannel = undefined;
