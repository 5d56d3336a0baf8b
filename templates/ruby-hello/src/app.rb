# frozen_string_literal: true

# Greets every object that lands in the bucket.

require "uri"

def handler(event:, context:)
  objects = event.fetch("Records", []).map do |record|
    s3 = record.fetch("s3")
    found = {
      bucket: s3.dig("bucket", "name"),
      key: URI.decode_www_form_component(s3.dig("object", "key")), # S3 encodes keys as in a URL
      size: s3.dig("object", "size") || 0
    }
    puts "#{record["eventName"]} s3://#{found[:bucket]}/#{found[:key]} (#{found[:size]} bytes)"
    found
  end
  greeting = objects.empty? ? "world" : objects.map { |found| found[:key] }.join(", ")
  { message: "hello, #{greeting}", objects: objects }
end
