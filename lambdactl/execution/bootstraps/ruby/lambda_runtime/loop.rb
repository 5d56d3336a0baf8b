# frozen_string_literal: true

require 'json'
require 'stringio'
require 'time'

require_relative 'client'
require_relative 'context'
require_relative 'failure'
require_relative 'handler'
require_relative 'logging'

# On Lambda the runtime has loaded these already, so functions forget to require them. They cost
# more than everything here together: load them when they are used.
module Net
  autoload :HTTP, 'net/http'
end
autoload :Timeout, 'timeout'
autoload :URI, 'uri'
module Kernel
  private

  def URI(uri) # rubocop:disable Naming/MethodName
    require 'uri' # which puts the real one in this one's place
    URI(uri)
  end
end

# From the first poll to the last: load the function, then one invocation after the other.
module LambdactlRuntime
  INIT_ERROR_EXIT = -4
  RUNTIME_ERROR_EXIT = -2
  CRITICAL_ERROR_EXIT = -1
  TIMED_OUT = 410

  class << self
    def start
      Logging.install
      @api = RuntimeApi.new(ENV.fetch('AWS_LAMBDA_RUNTIME_API'))
      # Nothing of the function has been read yet.
      @api.standby if ENV.delete('_LAMBDACTL_STANDBY')
      handler = load_function
      invocation = next_invocation(@api.next)
      invocation = next_invocation(run(handler, invocation)) while invocation
    rescue RuntimeApi::Closed
      # The server ends an environment by closing its connection: nothing is left to be done.
      exit(0)
    rescue StandardError => e # an event that can't be read, a thread of the function that gave up
      give_up(e)
    end

    private

    def load_function
      $LOAD_PATH.unshift(Dir.pwd) unless $LOAD_PATH.include?(Dir.pwd)
      handler = LambdaHandler.new(env_handler: ENV.fetch('_HANDLER'))
      require handler.handler_file_name
      handler
    rescue RuntimeApi::Closed
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException -- SyntaxError, LoadError, SystemExit
      give_up(e)
    end

    def give_up(error)
      failure = Failure.new(error, 'Init')
      failure.log('Init error when loading handler ')
      @api.init_error(failure)
      exit(INIT_ERROR_EXIT)
    end

    def next_invocation(invocation)
      return invocation if invocation.status == 200

      raise "Received #{invocation.status} when waiting for next invocation."
    end

    # Run one invocation; returns the next one.
    def run(handler, invocation)
      outcome = call(handler, *prepare(invocation))
      return fail_with(outcome, invocation) if outcome.is_a?(Failure)

      respond(outcome, invocation)
    end

    def prepare(invocation)
      $_global_aws_request_id = invocation['Lambda-Runtime-Aws-Request-Id'] # rubocop:disable Style/GlobalVars
      trace_id = invocation['Lambda-Runtime-Trace-Id']
      ENV['_X_AMZN_TRACE_ID'] = trace_id if trace_id
      [AwsLambda::Marshaller.marshall_request(invocation), LambdaContext.new(invocation)]
    end

    # The response and its content type, or the Failure that the handler ended with.
    def call(handler, request, context)
      handler.call_handler(request: request, context: context)
    rescue NameError => e # a fault of the code, not of the event: the process does not go on
      Failure.new(e, 'Function', CRITICAL_ERROR_EXIT)
    rescue StandardError => e
      Failure.new(e, 'Function')
    rescue Exception => e # rubocop:disable Lint/RescueException -- exit, stack overflow
      Failure.new(e, 'Function', CRITICAL_ERROR_EXIT)
    end

    def respond((body, content_type), invocation)
      body = body.read if content_type == 'application/unknown'
      body = body.nil? ? '' : body.b
    rescue StandardError => e
      fail_with(Failure.new(e, 'Runtime', RUNTIME_ERROR_EXIT), invocation)
    else
      @api.respond(invocation, body, content_type || 'application/json') do |status|
        note_lateness(status, invocation)
      end
    end

    def fail_with(failure, invocation)
      unless failure.exit_code
        failure.log('Error raised from handler method')
        return @api.fail(invocation, failure) { |status| note_lateness(status, invocation) }
      end
      failure.log('Critical exception from handler') if failure.exit_code == CRITICAL_ERROR_EXIT
      @api.last_words(invocation, failure)
      exit(failure.exit_code)
    end

    def note_lateness(status, invocation)
      return unless status == TIMED_OUT

      puts "The result of invocation #{invocation['Lambda-Runtime-Aws-Request-Id']} came too late: it had timed out."
    end
  end
end
