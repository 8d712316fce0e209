<?php
// As much of WordPress as the plugin (examples/wordpress/rejoin.php) asks for: a page, its settings, its users, its log-in. PHP's
// own server runs it: `php -S 127.0.0.1:0 e2e/wordpress/stub.php`, with `REJOIN_STUB` naming the file of what is kept. It is no WordPress: what it escapes, it escapes as bluntly as it can.

const ABSPATH = __DIR__;
const COOKIE_DOMAIN = '';
const COOKIEPATH = '/';
const HOUR_IN_SECONDS = 3600;

final class WP_User
{
    public int $ID = 0;
    public string $display_name = '';
    public string $user_email = '';
}

$hooks = [];
$wrong = [];
$checked = [];
$fields = [];

function kept(): array
{
    return json_decode((string) @file_get_contents(getenv('REJOIN_STUB')), true) ?: [];
}

function add_filter(string $name, callable $call, int $order = 10): void
{
    $GLOBALS['hooks'][$name][$order][] = $call;
}
function add_action(string $name, callable $call, int $order = 10): void
{
    add_filter($name, $call, $order);
}
function apply_filters(string $name, $value, ...$more)
{
    foreach ($GLOBALS['hooks'][$name] ?? [] as $calls) {
        foreach ($calls as $call) {
            $value = $call($value, ...$more);
        }
    }
    return $value;
}
function do_action(string $name): void
{
    apply_filters($name, '');
}

function get_option(string $name)
{
    return kept()[$name] ?? false;
}
function esc_attr(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}
function esc_html(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}
function esc_url_raw(string $address, array $schemes = ['http', 'https']): string
{
    $address = preg_replace('/[^\w.~:\/?#\[\]@!$&()*+,;=%-]/', '', $address);
    return in_array(strstr($address, ':', true), $schemes, true) ? $address : '';
}
function esc_url(string $address): string
{
    return esc_attr(esc_url_raw($address));
}
function __(string $text): string
{
    return $text;
}
function esc_html__(string $text): string
{
    return esc_html($text);
}
function untrailingslashit(string $text): string
{
    return rtrim($text, '/');
}
function wp_json_encode($value, int $flags = 0)
{
    return json_encode($value, $flags);
}
function wp_parse_url(string $address)
{
    return parse_url($address);
}
function wp_strip_all_tags(string $text): string
{
    return trim(strip_tags($text));
}
function sanitize_text_field(string $text): string
{
    return trim(preg_replace('/[\r\n\t ]+/', ' ', strip_tags($text)));
}
if (!function_exists('mb_substr')) {
    // WordPress has one as well.
    function mb_substr(string $text, int $from, int $length): string
    {
        return implode('', array_slice(preg_split('//u', $text, -1, PREG_SPLIT_NO_EMPTY), $from, $length));
    }
}

function attributes(array $attributes): string
{
    $text = '';
    foreach ($attributes as $name => $value) {
        $text .= $value === true ? " $name" : ' ' . $name . '="' . esc_attr((string) $value) . '"';
    }
    return $text;
}
function wp_print_script_tag(array $attributes): void
{
    echo '<script' . attributes(apply_filters('wp_script_attributes', $attributes)) . "></script>\n";
}
function wp_print_inline_script_tag(string $text, array $attributes = []): void
{
    echo '<script' . attributes(apply_filters('wp_inline_script_attributes', $attributes)) . ">\n$text</script>\n";
}

function wp_get_current_user(): WP_User
{
    $user = new WP_User();
    $found = kept()['users'][$_COOKIE['user'] ?? ''] ?? null;
    if ($found) {
        [$user->ID, $user->display_name, $user->user_email] = $found;
    }
    return $user;
}
function is_user_logged_in(): bool
{
    return wp_get_current_user()->ID > 0;
}
function is_ssl(): bool
{
    return false;
}
function admin_url(string $path, string $scheme = 'admin'): string
{
    return "/wp-admin/$path";
}
function nocache_headers(): void
{
    header('Cache-Control: no-cache, must-revalidate, max-age=0');
}
function wp_die(): void
{
    exit;
}

function register_setting(string $group, string $name, array $more): void
{
    $GLOBALS['checked'][$name] = $more['sanitize_callback'];
}
function add_settings_section(): void
{
}
function add_settings_field(string $id, string $label, callable $print, string $page, string $section, array $more): void
{
    $GLOBALS['fields'][] = static fn () => $print($more);
}
function add_settings_error(string $setting, string $code, string $text): void
{
    $GLOBALS['wrong'][] = $text;
}
function disabled(bool $is, bool $when, bool $print): string
{
    return $is === $when ? ' disabled' : '';
}
function plugin_basename(string $file): string
{
    return basename($file);
}
function register_activation_hook(): void
{
}

foreach (kept()['constants'] ?? [] as $name => $value) {
    define($name, $value);
}
require dirname(__DIR__, 2) . '/examples/wordpress/rejoin.php';

// What another plugin does for a page whose policy wants a nonce.
foreach (['wp_script_attributes', 'wp_inline_script_attributes'] as $name) {
    add_filter($name, static fn (array $attributes) => $attributes + ['nonce' => 'abc']);
}

switch (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    case '/':
        header("Content-Security-Policy: script-src 'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'");
        echo '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tea &amp; Kettle</title><link rel="icon" href="data:,"></head><body><h1>Tea</h1>';
        do_action('wp_footer');
        echo '</body></html>';
        break;
    case '/wp-admin/admin-ajax.php':
        if (is_user_logged_in()) {
            do_action('wp_ajax_' . ($_POST['action'] ?? ''));
        }
        // As WordPress answers what nobody has taken.
        http_response_code(400);
        echo '0';
        break;
    case '/wp-admin/options.php':
        do_action('admin_init');
        header('Content-Type: application/json');
        $kept = kept();
        $is_new = !isset($kept['rejoin']);
        $kept['rejoin'] = $checked['rejoin']($_POST['rejoin'] ?? null);
        // WordPress checks twice what it has not kept before.
        $kept['rejoin'] = $is_new ? $checked['rejoin']($kept['rejoin']) : $kept['rejoin'];
        file_put_contents(getenv('REJOIN_STUB'), json_encode($kept));
        echo json_encode(['kept' => $kept['rejoin'], 'wrong' => $wrong]);
        break;
    case '/wp-admin/options-general.php':
        do_action('admin_init');
        foreach ($fields as $print) {
            $print();
        }
        break;
    case '/logout':
        do_action('wp_logout');
        setcookie('user', '', 1);
        header('Location: /');
        break;
    default:
        http_response_code(404);
}
