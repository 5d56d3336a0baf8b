# frozen_string_literal: true

# A Ruby runtime interface client for Lambda's Runtime API that needs only the standard library.
#
# It behaves as Lambda's managed runtimes do, https://github.com/aws/aws-lambda-ruby-runtime-interface-client:
# what that client defines for functions (LambdaContext, LogFormatter, ...) is defined here too;
# everything else stays out of the function's sight.

require_relative 'lambda_runtime/loop'

$LOADED_FEATURES.reject! { |feature| feature.start_with?("#{__dir__}/") }
Object.send(:remove_const, :LambdactlRuntime).start
