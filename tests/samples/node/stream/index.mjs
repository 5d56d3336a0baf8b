const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });

export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
  const page = awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { 'Content-Type': 'text/html', 'X-Custom-Header': 'Example' },
  });
  for (const part of ['<h1>one</h1>', '<h2>two</h2>', '<h3>three</h3>']) {
    page.write(part);
    await wait(400);
  }
  page.end();
});
