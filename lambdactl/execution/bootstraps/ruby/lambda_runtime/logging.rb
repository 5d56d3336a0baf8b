# frozen_string_literal: true

# The logger library takes as long to load as everything else here, and many functions never use
# it. Logger comes with Lambda's patch whether a function requires 'logger' or just names it.
autoload :Logger, File.join(__dir__, 'logger_patch')
autoload :LogFormatter, File.join(__dir__, 'log_formatters')
autoload :JsonLogFormatter, File.join(__dir__, 'log_formatters')

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

  # Puts the above in place.
  module Logging
    def self.install
      $stdout.sync = true
      # Lambda's locale is there on Lambda; where it is not, Ruby would take all text for ASCII.
      Encoding.default_external = Encoding::UTF_8 if Encoding.default_external == Encoding::US_ASCII
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
