// Tells CloudFormation how a custom resource fared: a PUT to the address in its request.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-responses.html

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = function (event, context, responseStatus, responseData, physicalResourceId, noEcho) {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: "See the log stream " + context.logStreamName,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const client = require(url.protocol === "http:" ? "http" : "https");
  const options = {
    method: "PUT",
    headers: { "content-type": "", "content-length": Buffer.byteLength(body) },
  };
  return new Promise((resolve) => {
    const done = () => {
      if (context.done) context.done();
      resolve();
    };
    const request = client.request(url, options, (answer) => {
      console.log("Status code: " + answer.statusCode);
      answer.resume();
      answer.on("end", done);
    });
    request.on("error", (error) => {
      console.log("The response could not be sent: " + error);
      done();
    });
    request.end(body);
  });
};
