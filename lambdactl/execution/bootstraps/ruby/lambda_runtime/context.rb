# frozen_string_literal: true

# What a handler is given beside the event.
# https://docs.aws.amazon.com/lambda/latest/dg/ruby-context.html
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name,
              :function_name, :memory_limit_in_mb, :function_version, :identity, :tenant_id,
              :client_context, :deadline_ms

  def initialize(request)
    # The clock may be set while the handler runs; the time that is left must not jump.
    @clock_diff = Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond) -
                  Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
    @deadline_ms = request['Lambda-Runtime-Deadline-Ms'].to_i
    @aws_request_id = request['Lambda-Runtime-Aws-Request-Id']
    @invoked_function_arn = request['Lambda-Runtime-Invoked-Function-Arn']
    @log_group_name = ENV.fetch('AWS_LAMBDA_LOG_GROUP_NAME', nil)
    @log_stream_name = ENV.fetch('AWS_LAMBDA_LOG_STREAM_NAME', nil)
    @function_name = ENV.fetch('AWS_LAMBDA_FUNCTION_NAME', nil)
    @memory_limit_in_mb = ENV.fetch('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', nil)
    @function_version = ENV.fetch('AWS_LAMBDA_FUNCTION_VERSION', nil)
    @identity = parsed(request['Lambda-Runtime-Cognito-Identity'])
    @tenant_id = request['Lambda-Runtime-Aws-Tenant-Id']
    @client_context = parsed(request['Lambda-Runtime-Client-Context'])
  end

  def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond) + @clock_diff
    [@deadline_ms - now, 0].max
  end

  private

  def parsed(text)
    JSON.parse(text) unless text.to_s.empty?
  end
end
