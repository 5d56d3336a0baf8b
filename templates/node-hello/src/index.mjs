// Greets every object that lands in the bucket.

// S3 encodes keys as in a URL, with a plus for a space.
const decode = (key) => decodeURIComponent(key.replaceAll("+", " "));

export const handler = async (event) => {
  const objects = (event.Records ?? []).map(({ eventName, s3 }) => {
    const found = { bucket: s3.bucket.name, key: decode(s3.object.key), size: s3.object.size ?? 0 };
    console.log(`${eventName} ${found.bucket}/${found.key} (${found.size} bytes)`);
    return found;
  });
  const greeting = objects.map(({ key }) => key).join(", ") || "world";
  return { message: `hello, ${greeting}`, objects };
};
