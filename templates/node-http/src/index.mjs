// What time it is elsewhere: one function behind two routes of an HTTP API (payload format 2.0).
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

const routes = {
  // GET /time/Europe/Paris
  "GET /time/{zone+}": ({ pathParameters, requestContext }) =>
    answer(200, timeIn(pathParameters.zone, new Date(requestContext.timeEpoch), 404)),

  // POST /meetings {"at": "2026-03-01T15:00:00Z", "zones": ["Europe/Paris", "Asia/Tokyo"]}
  "POST /meetings": (event) => {
    const { at, zones } = bodyOf(event);
    const moment = new Date(at);
    if (typeof at !== "string" || Number.isNaN(moment.getTime())) {
      throw new Refused(422, "`at` must be a time such as 2026-03-01T15:00:00Z");
    }
    if (!Array.isArray(zones) || zones.length === 0) {
      throw new Refused(422, "`zones` must be a list of time zones");
    }
    return answer(200, { times: zones.map((zone) => timeIn(zone, moment, 422)) });
  },
};

export const handler = async (event) => {
  try {
    return routes[event.routeKey](event);
  } catch (error) {
    // Anything else is our own fault: Lambda logs it, and API Gateway answers 500.
    if (!(error instanceof Refused)) throw error;
    return answer(error.status, { error: error.message });
  }
};

// The client's fault, for the client to read.
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const answer = (statusCode, content) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(content),
});

const bodyOf = ({ body = "", isBase64Encoded }) => {
  try {
    return JSON.parse(isBase64Encoded ? Buffer.from(body, "base64").toString() : body) ?? {};
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
};

const timeIn = (zone, moment, statusIfUnknown) => {
  try {
    // The Swedes write dates as ISO 8601 does.
    const time = new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "medium",
    });
    return { zone, time: time.format(moment) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Refused(statusIfUnknown, `there is no time zone ${zone}`);
  }
};
