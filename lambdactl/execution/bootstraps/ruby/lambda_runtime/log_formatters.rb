# frozen_string_literal: true

require 'logger'

# Lambda's text record: Ruby's own, with the request id in it.
class LogFormatter < Logger::Formatter
  def call(severity, time, progname, msg)
    request_id = $_global_aws_request_id # rubocop:disable Style/GlobalVars -- functions' own formatters read it
    text = format('%<sev>s, [%<at>s #%<pid>d] %<severity>5s %<request_id>s -- %<progname>s: %<msg>s',
                  sev: severity[0], at: format_datetime(time), pid: Process.pid, severity: severity,
                  request_id: request_id, progname: progname, msg: msg2str(msg))
    "#{text.encode('UTF-8', invalid: :replace, undef: :replace, replace: '�')}\n"
  end
end

# Lambda's JSON record. https://docs.aws.amazon.com/lambda/latest/dg/ruby-logging.html
class JsonLogFormatter < Logger::Formatter
  def call(severity, time, progname, msg)
    record = {
      timestamp: time.utc.strftime('%Y-%m-%dT%H:%M:%S.%6NZ'),
      level: severity,
      message: utf8(msg.is_a?(Exception) ? msg.message : msg2str(msg)),
      requestId: $_global_aws_request_id # rubocop:disable Style/GlobalVars
    }
    name = utf8(progname)
    record[:logger] = name unless name.empty?
    record.update(error_fields(msg)) if msg.is_a?(Exception)
    "#{JSON.generate(record.compact)}\n"
  end

  private

  def error_fields(error)
    frames = Array(error.backtrace).map { |frame| utf8(frame) }
    {
      errorType: error.class.to_s,
      errorMessage: utf8(error.message),
      stackTrace: frames,
      location: location(frames.first)
    }
  end

  def location(frame)
    found = /\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/.match(frame.to_s)
    found ? "#{found[:file]}:#{found[:method]}:#{found[:line]}" : frame
  end

  def utf8(value)
    value.to_s.encode('UTF-8', invalid: :replace, undef: :replace, replace: '�')
  end
end
