# frozen_string_literal: true

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

module AwsLambdaRIC
  # The record channel, under the name that functions know it by.
  class TelemetryLogger
    class << self
      attr_accessor :telemetry_log_sink
    end
  end
end

module LambdactlRuntime
  # Writes each message as one frame, so a message of many lines stays one record: type, length,
  # microseconds since the epoch (big endian), then the message (telemetry_log_sink.rb of
  # https://github.com/aws/aws-lambda-ruby-runtime-interface-client).
  class FrameWriter
    FRAME_TYPE = 0xa55a0003

    def initialize(descriptor)
      @file = IO.for_fd(descriptor, 'wb', autoclose: false)
      @file.sync = true
      @file.close_on_exec = true
      @mutex = Mutex.new
    end

    def write(message)
      microseconds = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
      frame = [FRAME_TYPE, message.bytesize, microseconds].pack('L>L>Q>') << message.b
      @mutex.synchronize { @file.write(frame) }
      message.bytesize
    rescue ThreadError # inside a signal handler
      @file.write(frame)
    end

    def reopen(_log = nil) = self

    def close; end
  end

  # A Logger to stdout or stderr writes Lambda's records, at Lambda's level.
  module LoggerPatch
    LEVELS = {
      'TRACE' => Logger::DEBUG, 'DEBUG' => Logger::DEBUG, 'INFO' => Logger::INFO,
      'WARN' => Logger::WARN, 'ERROR' => Logger::ERROR, 'FATAL' => Logger::FATAL
    }.freeze
    FORMATTER = ENV['AWS_LAMBDA_LOG_FORMAT'].to_s.upcase == 'JSON' ? JsonLogFormatter : LogFormatter
    LEVEL = LEVELS[ENV['AWS_LAMBDA_LOG_LEVEL'].to_s.upcase]

    def initialize(logdev, *rotation, **options)
      if !logdev || logdev == $stdout || logdev == $stderr
        logdev = AwsLambdaRIC::TelemetryLogger.telemetry_log_sink || logdev
        options[:formatter] ||= FORMATTER.new
        options[:level] ||= LEVEL if LEVEL
      end
      super(logdev, *rotation, **options)
    end
  end

  # Puts the above in place.
  module Logging
    def self.install
      $stdout.sync = true
      # Lambda's locale is there on Lambda; where it is not, Ruby would take all text for ASCII.
      Encoding.default_external = Encoding::UTF_8 if Encoding.default_external == Encoding::US_ASCII
      Logger.prepend(LoggerPatch)
      descriptor = ENV.delete('_LAMBDA_TELEMETRY_LOG_FD') or return
      begin
        AwsLambdaRIC::TelemetryLogger.telemetry_log_sink = FrameWriter.new(Integer(descriptor))
      rescue SystemCallError, ArgumentError
        return # then everything goes to stdout as it is
      end
      frame_puts
    end

    def self.frame_puts
      Kernel.module_eval do
        def puts(*lines)
          text = lines.flatten.map { |line| line.to_s.encode('UTF-8') }.join("\n")
          text += "\n" unless text.end_with?("\n")
          AwsLambdaRIC::TelemetryLogger.telemetry_log_sink.write(text)
          nil
        end
      end
    end
  end
end
