<?php
/**
 * Plugin Name: Rejoin
 * Description: Live chat from a Rejoin server that you host.
 * Version: 0.1.0
 * Requires at least: 5.7
 * Requires PHP: 7.4
 * License: MIT OR Apache-2.0
 * Text Domain: rejoin
 *
 * Put this file into wp-content/plugins/, switch it on, and fill in Settings > Rejoin. What wp-config.php defines goes before
 * what is filled in, and stays out of the database:
 *
 *     define('REJOIN_URL', 'https://chat.example.com');
 *     define('REJOIN_SITE_TOKEN', 'st_…');
 *     define('REJOIN_ASSISTANT_ID', '3');
 *     define('REJOIN_IDENTITY_SECRET', 'is_…');
 *
 * Two filters: `rejoin_attributes` changes the attributes of the script tag (none of them: no chat on this page), and
 * `rejoin_claims` what is signed of a user.
 */

if (!defined('ABSPATH')) {
    exit;
}

const REJOIN_CONSTANTS = [
    'url' => 'REJOIN_URL',
    'site' => 'REJOIN_SITE_TOKEN',
    'assistant' => 'REJOIN_ASSISTANT_ID',
    'secret' => 'REJOIN_IDENTITY_SECRET',
];

/** Tells the next page that somebody has logged out; nothing else is in it. */
const REJOIN_LOGOUT_COOKIE = 'rejoin_logout';

/** Gives the settings, all of them texts: `url`, `site`, `assistant`, `secret`. */
function rejoin_settings(): array
{
    $kept = get_option('rejoin');
    $settings = [];
    foreach (REJOIN_CONSTANTS as $name => $constant) {
        $settings[$name] = (string) (defined($constant) ? constant($constant) : ($kept[$name] ?? ''));
    }
    return $settings;
}

function rejoin_is_ready(array $settings): bool
{
    return $settings['url'] !== '' && ($settings['site'] !== '' || $settings['assistant'] !== '');
}

// The page.

/** Prints the chat. WordPress's own printers let plugins add a nonce for the page's policy. */
function rejoin_print(): void
{
    $settings = rejoin_settings();
    if (!rejoin_is_ready($settings)) {
        return;
    }
    $attributes = array_filter([
        'src' => esc_url(untrailingslashit($settings['url']) . '/widget.js'),
        'async' => true,
        'data-site-token' => $settings['site'],
        'data-assistant-id' => $settings['assistant'],
        // What puts scripts together, delays or rewrites them, leaves this one alone: Rocket Loader, Autoptimize, LiteSpeed
        // and others, WP Rocket.
        'data-cfasync' => 'false',
        'data-noptimize' => '1',
        'data-no-optimize' => '1',
        'data-nowprocket' => '1',
    ]);
    $attributes = apply_filters('rejoin_attributes', $attributes);
    if (!is_array($attributes) || empty($attributes['src'])) {
        return;
    }
    if ($settings['secret'] !== '') {
        $marks = array_intersect_key($attributes, array_flip(['data-cfasync', 'data-noptimize', 'data-no-optimize', 'data-nowprocket']));
        wp_print_inline_script_tag(rejoin_introduction(), $marks);
    }
    wp_print_script_tag($attributes);
}
add_action('wp_footer', 'rejoin_print', 20);

/**
 * Gives the lines that say who the visitor is. No token stands in the page, for pages are kept by caches: the browser asks for
 * one when the chat needs it. They wait for the chat, whether it comes before or after them.
 */
function rejoin_introduction(): string
{
    $text = static fn ($value) => wp_json_encode($value, JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_SLASHES);
    $gone = REJOIN_LOGOUT_COOKIE . '=; max-age=0; path=' . rejoin_cookie_path() . (COOKIE_DOMAIN ? '; domain=' . COOKIE_DOMAIN : '');
    $lines = "window.rejoin = window.rejoin || function () { (rejoin.q = rejoin.q || []).push(arguments); };\n"
        . 'if (document.cookie.indexOf(' . $text(REJOIN_LOGOUT_COOKIE . '=') . ") >= 0) {\n"
        . '  document.cookie = ' . $text($gone) . ";\n"
        . "  rejoin('logout');\n"
        . "}\n";
    if (!is_user_logged_in()) {
        return $lines;
    }
    return $lines
        . "rejoin('identify', function () {\n"
        . '  var asked = fetch(' . $text(admin_url('admin-ajax.php', 'relative')) . ", { method: 'POST', body: new URLSearchParams('action=rejoin_token') });\n"
        . "  return asked.then(function (answer) { return answer.ok ? answer.text() : ''; });\n"
        . "});\n";
}

/**
 * Answers the user's own browser with a fresh token. It wants no nonce: nothing is changed, other sites cannot read the answer, and
 * a page that was open for a day, or came out of a cache, would have an old one.
 */
function rejoin_answer(): void
{
    $secret = rejoin_settings()['secret'];
    nocache_headers();
    header('Content-Type: text/plain; charset=utf-8');
    if ($secret !== '' && is_user_logged_in()) {
        echo rejoin_token(wp_get_current_user(), $secret); // A JWT: letters, digits, dots, - and _.
    }
    wp_die('', '', ['response' => null]);
}
add_action('wp_ajax_rejoin_token', 'rejoin_answer');

/** Signs who a user is, for an hour. */
function rejoin_token(WP_User $user, string $secret): string
{
    $claims = array_filter([
        // Numbers of users are not given again. Where two WordPresses share a site token, `rejoin_claims` has to tell them apart.
        'sub' => (string) $user->ID,
        'name' => rejoin_line($user->display_name),
        'email' => rejoin_line($user->user_email),
    ]);
    $claims = apply_filters('rejoin_claims', $claims, $user);
    $claims['exp'] = time() + HOUR_IN_SECONDS;
    $part = static fn (string $bytes) => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    $signed = $part('{"alg":"HS256","typ":"JWT"}') . '.' . $part(wp_json_encode($claims));
    return $signed . '.' . $part(hash_hmac('sha256', $signed, $secret, true));
}

/** Makes a text fit for a token: one line of up to 255 characters that reads in its own direction. */
function rejoin_line(string $text): string
{
    $text = preg_replace('/[\p{Cc}\x{2028}-\x{202e}\x{2066}-\x{2069}]+/u', ' ', wp_strip_all_tags($text));
    return mb_substr(trim((string) $text), 0, 255);
}

/** Whoever logs out leaves nothing of the chat in the browser; the next page that has it sees to that. */
function rejoin_logged_out(): void
{
    if (rejoin_settings()['secret'] !== '' && !headers_sent()) {
        $options = ['path' => rejoin_cookie_path(), 'secure' => is_ssl(), 'httponly' => false, 'samesite' => 'Lax'];
        setcookie(REJOIN_LOGOUT_COOKIE, '1', $options + (COOKIE_DOMAIN ? ['domain' => COOKIE_DOMAIN] : []));
    }
}
add_action('wp_logout', 'rejoin_logged_out');

function rejoin_cookie_path(): string
{
    return COOKIEPATH ?: '/';
}

// The settings.

function rejoin_fields(): array
{
    return [
        'url' => [__('Server address', 'rejoin'), 'url', 'https://chat.example.com', ''],
        'site' => [__('Site token', 'rejoin'), 'text', 'st_…', __('“rejoin site add” prints it.', 'rejoin')],
        'assistant' => [
            __('Assistant', 'rejoin'),
            'text',
            '',
            __('Optional: the number that “rejoin assistant add” prints. Without a site token the chat stands in an iframe.', 'rejoin'),
        ],
        'secret' => [
            __('Identity secret', 'rejoin'),
            'password',
            'is_…',
            __('Optional: “rejoin site identity” prints it. Then users who are logged in find their conversation on every device.', 'rejoin'),
        ],
    ];
}

function rejoin_register(): void
{
    register_setting('rejoin', 'rejoin', ['type' => 'array', 'sanitize_callback' => 'rejoin_sanitize', 'show_in_rest' => false]);
    add_settings_section('rejoin', '', '__return_null', 'rejoin');
    foreach (rejoin_fields() as $name => [$label]) {
        add_settings_field("rejoin-$name", $label, 'rejoin_field', 'rejoin', 'rejoin', ['name' => $name, 'label_for' => "rejoin-$name"]);
    }
}
add_action('admin_init', 'rejoin_register');

/** Prints one field. The secret is never printed. */
function rejoin_field(array $given): void
{
    $name = $given['name'];
    [, $type, $example, $hint] = rejoin_fields()[$name];
    $value = rejoin_settings()[$name];
    $is_fixed = defined(REJOIN_CONSTANTS[$name]);
    $is_secret = $name === 'secret';
    $is_kept = $is_secret && $value !== '' && !$is_fixed;
    printf(
        '<input class="regular-text code" type="%s" id="%s" name="%s" value="%s" placeholder="%s" autocomplete="off" spellcheck="false"%s>',
        esc_attr($type),
        esc_attr("rejoin-$name"),
        esc_attr("rejoin[$name]"),
        esc_attr($is_secret ? '' : $value),
        esc_attr($is_kept ? __('kept; fill in another one to change it', 'rejoin') : $example),
        disabled($is_fixed, true, false)
    );
    if ($is_kept) {
        printf(
            '<p><label><input type="checkbox" name="rejoin[forget]" value="1"> %s</label></p>',
            esc_html__('Forget it', 'rejoin')
        );
    }
    if ($is_fixed) {
        $hint = sprintf(/* translators: the name of a constant */ __('Set in wp-config.php: %s', 'rejoin'), REJOIN_CONSTANTS[$name]);
    }
    printf('<p class="description">%s</p>', esc_html($hint));
}

/** Takes what is good of a form; what is not is said, and leaves what was there before. */
function rejoin_sanitize($given): array
{
    $kept = get_option('rejoin');
    $kept = is_array($kept) ? $kept : [];
    $given = is_array($given) ? $given : [];
    $settings = [];
    foreach (array_keys(REJOIN_CONSTANTS) as $name) {
        $before = (string) ($kept[$name] ?? '');
        // A field that is fixed by a constant is not sent.
        $text = isset($given[$name]) && is_string($given[$name]) ? sanitize_text_field($given[$name]) : $before;
        if ($name === 'secret' && $text === '') {
            $text = empty($given['forget']) ? $before : '';
        }
        $good = $text === '' ? '' : rejoin_checked($name, $text);
        if ($good === null) {
            /* translators: the label of a field */
            $wrong = sprintf(__('“%s” was not changed: this cannot be right.', 'rejoin'), rejoin_fields()[$name][0]);
            add_settings_error('rejoin', "rejoin-$name", $wrong);
        }
        $settings[$name] = $good ?? $before;
    }
    return $settings;
}

/** Gives a setting as it is kept, or null where it is none. */
function rejoin_checked(string $name, string $text): ?string
{
    if ($name !== 'url') {
        $shapes = ['site' => '/^st_[\w-]{1,100}$/D', 'assistant' => '/^[1-9]\d{0,15}$/D', 'secret' => '/^is_[\w-]{16,200}$/D'];
        return preg_match($shapes[$name], $text) ? $text : null;
    }
    $parts = wp_parse_url(esc_url_raw(strpos($text, '://') ? $text : "https://$text", ['https', 'http']));
    if (empty($parts['host']) || empty($parts['scheme'])) {
        return null;
    }
    // The chat is at the root of its server.
    return $parts['scheme'] . '://' . $parts['host'] . (empty($parts['port']) ? '' : ':' . $parts['port']);
}

function rejoin_page(): void
{
    if (!current_user_can('manage_options')) {
        return;
    }
    echo '<div class="wrap"><h1>' . esc_html(get_admin_page_title()) . '</h1><form method="post" action="' . esc_url(admin_url('options.php')) . '">';
    settings_fields('rejoin');
    do_settings_sections('rejoin');
    submit_button();
    echo '</form></div>';
}

add_action('admin_menu', static function (): void {
    add_options_page('Rejoin', 'Rejoin', 'manage_options', 'rejoin', 'rejoin_page');
});

add_filter('plugin_action_links_' . plugin_basename(__FILE__), static function (array $links): array {
    $address = esc_url(admin_url('options-general.php?page=rejoin'));
    return array_merge(["<a href=\"$address\">" . esc_html__('Settings', 'rejoin') . '</a>'], $links);
});

add_action('admin_notices', static function (): void {
    $screen = get_current_screen();
    if (!$screen || $screen->id !== 'plugins' || !current_user_can('manage_options') || rejoin_is_ready(rejoin_settings())) {
        return;
    }
    printf(
        '<div class="notice notice-warning"><p>%s <a href="%s">%s</a></p></div>',
        esc_html__('Rejoin does not know its server yet.', 'rejoin'),
        esc_url(admin_url('options-general.php?page=rejoin')),
        esc_html__('Settings', 'rejoin')
    );
});

register_activation_hook(__FILE__, static function (): void {
    register_uninstall_hook(__FILE__, 'rejoin_uninstall');
});

function rejoin_uninstall(): void
{
    delete_option('rejoin');
}
