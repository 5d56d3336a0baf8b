# frozen_string_literal: true

# The function's handler, by its name: FILENAME.METHOD or FILENAME.CLASS.METHOD.
# Methods that are defined outside any class run with an instance of this as self.
# https://docs.aws.amazon.com/lambda/latest/dg/ruby-handler.html
class LambdaHandler
  attr_reader :handler_file_name, :handler_method_name

  def initialize(env_handler:)
    parts = env_handler.split('.')
    unless [2, 3].include?(parts.size)
      raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD " \
                           'where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an ' \
                           'optional module/class namespace and METHOD is a callable method. If using CLASS, METHOD ' \
                           'must be a class-level method.'
    end
    @handler_file_name = parts.first
    @handler_class = parts[1] if parts.size == 3
    @handler_method_name = parts.last
  end

  # The response and, if it isn't JSON, its content type.
  def call_handler(request:, context:)
    arguments = { event: request, context: context }
    response =
      if @handler_class
        Kernel.const_get(@handler_class).send(@handler_method_name, **arguments)
      else
        __send__(@handler_method_name, **arguments)
      end
    AwsLambda::Marshaller.marshall_response(response)
  end
end

module AwsLambda
  # Between bytes and Ruby objects. Functions may replace these methods.
  class Marshaller
    class << self
      # JSON is parsed; any other content type is handed over as it came.
      def marshall_request(raw_request)
        body = raw_request.body
        raw_request['Content-Type'] == 'application/json' ? JSON.parse(body) : body
      end

      # A response that is a stream is sent as it is, everything else as JSON.
      def marshall_response(method_response)
        case method_response
        when StringIO, IO then [method_response, 'application/unknown']
        else method_response.to_json
        end
      end
    end
  end
end
