# frozen_string_literal: true

# Loaded when the constant Logger is first met, which may be in the first line of logger.rb itself:
# so the class is opened, and patched, before the library fills it.
class Logger
  # A Logger to stdout or stderr writes Lambda's records, at Lambda's level (logger_patch.rb of
  # https://github.com/aws/aws-lambda-ruby-runtime-interface-client).
  prepend(Module.new do
    def initialize(logdev, *rotation, **options)
      if !logdev || logdev == $stdout || logdev == $stderr
        logdev = AwsLambdaRIC::TelemetryLogger.telemetry_log_sink || logdev
        json = ENV['AWS_LAMBDA_LOG_FORMAT'].to_s.casecmp?('JSON')
        options[:formatter] ||= (json ? JsonLogFormatter : LogFormatter).new
        level = ENV['AWS_LAMBDA_LOG_LEVEL'].to_s.upcase
        level = 'DEBUG' if level == 'TRACE'
        options[:level] = level if !options.key?(:level) && %w[DEBUG INFO WARN ERROR FATAL].include?(level)
      end
      super(logdev, *rotation, **options)
    end
  end)
end

require 'logger'
