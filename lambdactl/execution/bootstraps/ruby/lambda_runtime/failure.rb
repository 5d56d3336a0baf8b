# frozen_string_literal: true

module LambdactlRuntime
  OWN_FILES = "#{File.dirname(__dir__)}/"

  # An error as it is told to the Runtime API, to the log and to X-Ray.
  # Shapes and texts: lambda_errors.rb, lambda_logger.rb and xray_cause.rb of
  # https://github.com/aws/aws-lambda-ruby-runtime-interface-client
  class Failure
    MAX_FRAMES = 100
    MAX_XRAY_FRAMES = 15
    # Only these are named to the platform; any other class is the user's own business.
    PUBLIC_CLASSES = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze

    attr_reader :exit_code

    # classification: Function, Runtime or Init. With an exit code the process ends after it.
    def initialize(error, classification, exit_code = nil)
      @class_name = error.class.to_s
      @type = "#{classification}<#{@class_name}>"
      @message = utf8(message_of(error))
      @frames = (error.backtrace_locations || []).first(MAX_FRAMES).reject do |frame|
        frame.path.start_with?(OWN_FILES)
      end
      @exit_code = exit_code
    end

    def header_type
      PUBLIC_CLASSES.include?(@class_name) ? @type : 'Function<UserException>'
    end

    # JSON, as bytes.
    def body
      to_h.to_json.b
    end

    def log(title)
      puts title
      puts JSON.pretty_generate(to_h)
    end

    # JSON, as bytes.
    def xray_cause
      stack = @frames.first(MAX_XRAY_FRAMES).map do |frame|
        { path: frame.path, line: frame.lineno, label: frame.label }
      end
      exceptions = [{ message: @message, type: @type, stack: stack }]
      JSON.generate(working_directory: Dir.pwd, paths: Gem.paths.path, exceptions: exceptions).b
    end

    private

    # Before Ruby 3.2 the message had a hint and a piece of the source in it; Lambda's Rubies are newer.
    def message_of(error)
      error.respond_to?(:original_message) ? error.original_message : error.message
    end

    # Text that JSON can carry.
    def utf8(text)
      text.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace, replace: '�').scrub('�')
    end

    def to_h
      { errorMessage: @message, errorType: @type, stackTrace: @frames.map { |frame| utf8(frame) } }
    end
  end
end
